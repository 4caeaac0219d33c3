package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"portcullis/internal/config"
)

const adminToken = "correct-horse-battery-staple"

func secret(t *testing.T, content string) (config.Secret, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "admin-token")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.ReadSecret(config.File(path))
}

// Somebody logs, prints or encodes whatever holds the secret.
func TestASecretCannotBePrinted(t *testing.T) {
	s, err := secret(t, adminToken+"\n")
	if err != nil {
		t.Fatal(err)
	}
	type outer struct{ Exported, unexported config.Secret }
	var out bytes.Buffer
	values := []any{s, &s, []config.Secret{s}, map[string]config.Secret{"a": s}, outer{s, s}, &outer{s, s}}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("starting", "token", v)
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		asYAML, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(asJSON)
		out.Write(asYAML)
	}
	for _, form := range []string{adminToken, fmt.Sprintf("%x", adminToken), fmt.Sprintf("%X", adminToken), fmt.Sprint([]byte(adminToken)), adminToken[:3]} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q was printed:\n%s", form, out.String())
		}
	}
	for _, got := range []string{s.String(), fmt.Sprint(s), fmt.Sprintf("%#v", s), s.LogValue().String()} {
		if got != "[secret]" {
			t.Errorf("got %q, want [secret]", got)
		}
	}
}

func TestASecretEqualsOnlyItself(t *testing.T) {
	s, err := secret(t, adminToken+"\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for candidate, want := range map[string]bool{adminToken: true, adminToken + "\n": false, adminToken[1:]: false, "": false, "[secret]": false} {
		if got := s.Equal(candidate); got != want {
			t.Errorf("Equal(%q) is %v, want %v", candidate, got, want)
		}
	}
	var none config.Secret
	if none.Equal("") || none.Equal("[secret]") || !none.IsZero() || s.IsZero() {
		t.Error("no secret equals something, or is taken for one")
	}
}

func TestAFileThatIsNoSecret(t *testing.T) {
	for name, content := range map[string]string{
		"empty":             "",
		"a line end":        "\n",
		"guessable":         "hunter2",
		"two lines":         adminToken + "\n" + adminToken,
		"a space":           adminToken + " " + adminToken,
		"no ASCII":          adminToken + "é",
		"the wrong file":    strings.Repeat("x", 5000),
		"a carriage return": adminToken + "\r\r\n",
	} {
		s, err := secret(t, content)
		if err == nil || !s.IsZero() {
			t.Errorf("%s: got a secret", name)
			continue
		}
		if !strings.Contains(err.Error(), "admin-token") || strings.Contains(err.Error(), "correct-horse") {
			t.Errorf("%s: the error %q must name the file and hold nothing of it", name, err)
		}
	}
	if _, err := config.ReadSecret("/nowhere/token"); err == nil {
		t.Error("a file that does not exist is a secret")
	}
}
