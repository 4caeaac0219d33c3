package e2ee_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const interop = "../../test/interop"

// The library jose opens what is sealed here, and what it seals is opened here. The assertion and the ids of the keys are what it takes them for.
func TestNodeJose(t *testing.T) {
	if _, err := os.Stat(filepath.Join(interop, "node_modules", "jose")); err != nil {
		missing(t, "jose is not installed: npm ci in test/interop")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node is not installed: install node.js")
	}
	var sealed string
	at(t, noon.Unix(), func(t *testing.T) {
		var err error
		if sealed, err = known(t, ben).Seal([]byte("from Go")); err != nil {
			t.Fatal(err)
		}
	})
	theirs := said(ben, key1, 1, "")
	answer := node(t, map[string]any{
		"key": b64(key1), "sign": json.RawMessage(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":"%s","d":"%s"}`, b64(ben.public()), b64(ben.sign.Seed()))),
		"sealed": sealed, "plaintext": b64([]byte("from jose")), "outer": json.RawMessage(theirs.outer), "inner": json.RawMessage(theirs.inner),
		"assertion": vouch(ben, day).text(), "keys": json.RawMessage(keySet("ed")), "issuer": issuerID, "now": noon.Unix(),
	})
	if got := string(must(base64.RawURLEncoding.DecodeString(answer.Plaintext))); got != "from Go" {
		t.Errorf("jose opened %q, want %q", got, "from Go")
	}
	if answer.Outer["channel"] != room1 || answer.Inner["user"] != "ben" || answer.Inner["counter"] != 1.0 {
		t.Errorf("jose read the headers %v and %v", answer.Outer, answer.Inner)
	}
	if want := []string{ben.signID(), ben.agreeID()}; answer.Subject != "ben" || !slices.Equal(answer.Thumbprints, want) {
		t.Errorf("jose verified %q with the keys %v, want ben with %v", answer.Subject, answer.Thumbprints, want)
	}
	at(t, noon.Unix(), func(t *testing.T) {
		hears(t, known(t, cid), delivered(answer.Sealed, ben), "from jose")
	})
}

type joseAnswer struct {
	Plaintext, Sealed, Subject string
	Outer, Inner               map[string]any
	Thumbprints                []string
}

func node(t *testing.T, given any) (answer joseAnswer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "jose.mjs")
	command.Dir, command.WaitDelay = interop, time.Second
	command.Stdin = bytes.NewReader(must(json.Marshal(given)))
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil {
		t.Fatalf("jose.mjs: %v\n%.2000s", err, said.String())
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatalf("jose.mjs: %v in %.500s", err, out.String())
	}
	return answer
}

// missing skips a test whose programs are not there, and fails where they must be.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}
