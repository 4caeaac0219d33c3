package dev

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"portcullis/client"
	"portcullis/internal/auth/jwt/mint"
	"portcullis/internal/dev/house"
	"portcullis/internal/dev/story"
	"portcullis/internal/node"
)

// After the story the gateway serves whoever has what the state names; an interrupt removes everything, also under those who are connected.
func TestTheGatewayServesUntilItIsInterrupted(t *testing.T) {
	temp := alone(t)
	ctx, interrupt := context.WithCancelCause(t.Context())
	var out page
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Stdout: &out, Listen: anyPort, TLS: anyPort, Admin: anyPort, Page: anyPort})
	}()
	s := awaitState(t, ended)

	token, err := os.ReadFile(s.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	minted := mintFrom(t, s, "ben")
	for _, tt := range []struct{ name, url, token, user string }{
		{"over TLS", s.URL, string(token), demoUser},
		{"without TLS", s.PlainURL, string(token), demoUser},
		{"with a minted token", s.URL, minted, "ben"},
	} {
		conn := connect(t, s, tt.url, tt.token)
		back, err := conn.Echo(t.Context(), "lab:rtt", "Hello, Secure World!")
		if got := conn.Welcome(); err != nil || string(back) != `"Hello, Secure World!"` || got.User != tt.user || got.Tenant != "acme" {
			t.Errorf("%s: got %s, %v as %s of %s; want the echo as %s of acme", tt.name, back, err, got.User, got.Tenant, tt.user)
		}
		if left := time.Until(conn.Welcome().Expires); tt.user == demoUser && left < 11*time.Hour {
			t.Errorf("%s: the demo user's token is good for %v, want as long as a day's work", tt.name, left)
		}
	}
	for origin, want := range map[string]string{"http://localhost:3000": "", "http://localhost:5173": "", "http://localhost:3001": "origin_refused", "https://evil.example": "origin_refused"} {
		conn, err := client.Dial(t.Context(), client.Options{URL: s.PlainURL, Token: func(context.Context) (string, error) { return minted, nil }, Header: http.Header{"Origin": {origin}}})
		refused, is := errors.AsType[*client.RefusedError](err)
		if is != (want != "") || is && refused.Code != want || !is && err != nil {
			t.Errorf("a page of %s: got %v, want %q", origin, err, want)
		}
		if err == nil {
			conn.Close()
		}
	}
	if answer, err := http.Get(s.AdminURL + "/metrics"); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("metrics: got %v, %v", answer, err)
	} else {
		answer.Body.Close()
	}
	if err := Run(t.Context(), Options{Stdout: &out}); err == nil || !strings.Contains(err.Error(), "runs already at "+s.URL) {
		t.Errorf("a second one: got %v, want that one runs already", err)
	}

	begin := time.Now()
	interrupt(node.ErrNow)
	if err := <-ended; err != nil {
		t.Errorf("got %v, want no error", err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it ended after %v, want at once", took)
	}
	for _, want := range []string{
		" echo lab:rtt 'Hello, Secure World!'\n", " subscribe room:lobby\n", " publish room:lobby '{\"text\":\"good morning\"}'\n",
		" token mint --dev ", s.AdminURL + "/metrics", "wscat -c " + s.PlainURL, "portcullis-dev-",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	left(t, temp)
}

// awaitState waits for the state file as another command would find it.
func awaitState(t *testing.T, ended <-chan error) State {
	t.Helper()
	for range 500 {
		if s, err := LoadState(); err == nil {
			return s
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatal("there is no state after 10s")
	return State{}
}

func mintFrom(t *testing.T, s State, user string) string {
	t.Helper()
	key, err := mint.Load(s.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token, err := mint.Token(key, "", "JWT", map[string]any{
		"iss": s.Issuer, "aud": s.Audience, "sub": user, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func connect(t *testing.T, s State, url, token string) *client.Conn {
	t.Helper()
	o := client.Options{URL: url, Token: func(context.Context) (string, error) { return token, nil }}
	if strings.HasPrefix(url, "wss:") {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		o.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
		o.TLS.RootCAs.AppendCertsFromPEM(pem)
	}
	conn, err := client.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestProgramAs(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	tests := []struct{ name, arg0, want string }{
		{"installed", "portcullis", "portcullis"},
		{"built here", "./portcullis", "./portcullis"},
		{"with a space", "/opt/my tools/portcullis", "'/opt/my tools/portcullis'"},
		{"by go run", "/tmp/go-build123/b001/exe/portcullis", "go run ./cmd/portcullis"},
		{"by go run, out of its cache", "/root/.cache/go-build/0a/" + hash + "-d/portcullis", "go run ./cmd/portcullis"},
		{"by go run, out of a cache of another name", "/cache/0a/" + hash + "-d/portcullis", "go run ./cmd/portcullis"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := programAs(tt.arg0); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLines(t *testing.T) {
	got := lines("./portcullis", State{
		PlainURL: "ws://127.0.0.1:8080/v1/ws", AdminURL: "http://127.0.0.1:8081", TokenFile: "/tmp/x y/acme/ana.token",
	})
	var commands []string
	for line := range strings.Lines(got) {
		if command, ok := strings.CutPrefix(line, "  "); ok {
			commands = append(commands, strings.TrimSuffix(command, "\n"))
		}
	}
	want := []string{
		`./portcullis echo lab:rtt 'Hello, Secure World!'`,
		`./portcullis publish room:announcements 'for hosts'       # forbidden`,
		`PORTCULLIS_TOKEN="$(./portcullis token mint --dev --sub hana --role member --role host)" ./portcullis publish room:announcements 'by a host'`,
		`./portcullis echo lab:rtt 'Who is there?' --cert '/tmp/x y/acme/door'.crt --key '/tmp/x y/acme/door'.key`,
		`./portcullis subscribe room:lobby`, // alone: what is pasted behind it would not run
		`./portcullis publish room:lobby '{"text":"good morning"}'`,
		`wscat -c ws://127.0.0.1:8080/v1/ws -H "Authorization: Bearer $(cat '/tmp/x y/acme/ana.token')"`,
		`{"type":"echo","id":1,"channel":"lab:rtt","data":"Hello, Secure World!"}`,
	}
	if !slices.Equal(commands, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(commands, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(got, "http://127.0.0.1:8081/metrics") {
		t.Errorf("the metrics are not in\n%s", got)
	}
}

// The files that the pasted lines name are there.
func TestThePastedFilesExist(t *testing.T) {
	alone(t)
	var out page
	err := run(t.Context(), Options{Once: true, Stdout: &out}, func(h *house.House, _ *story.Cast) error {
		checked := 0
		for name := range strings.FieldsSeq(lines("portcullis", State{TokenFile: filepath.Join(h.Dir, "acme", "ana.token")})) {
			name = strings.TrimRight(name, `)"`)
			if !strings.HasPrefix(name, h.Dir) {
				continue
			}
			if info, err := os.Stat(name); err != nil || info.Mode() != fs.FileMode(0o600) {
				t.Errorf("%s: got %v, %v; want a file of mode 0600", name, info, err)
			}
			checked++
		}
		if checked != 3 {
			t.Errorf("got %d files in the lines, want a token, a certificate and its key", checked)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheCurtainHidesTheStorysLog(t *testing.T) {
	var shown bytes.Buffer
	c, err := newCurtain(t.TempDir(), slog.New(slog.NewTextHandler(&shown, nil)))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(c).With("node", "n1").WithGroup("g")
	log.Info("hidden")
	log.Warn("warned")
	c.raise()
	log.Info("raised")
	log.Debug("debugged")

	var told bytes.Buffer
	if err := c.told(&told); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		line         string
		shown, filed bool
	}{{"msg=hidden node=n1", false, true}, {"msg=warned node=n1", true, true}, {"msg=raised node=n1", true, false}, {"debugged", false, false}} {
		if got := strings.Contains(shown.String(), tt.line); got != tt.shown {
			t.Errorf("%s: shown %v, want %v", tt.line, got, tt.shown)
		}
		if got := strings.Contains(told.String(), tt.line); got != tt.filed {
			t.Errorf("%s: in the file %v, want %v", tt.line, got, tt.filed)
		}
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}
