package blackbox_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// service is an identity service that nobody here wrote: what it says, signs and reports is its own.
type service struct {
	t       *testing.T
	issuer  string
	command []string
	folder  string
	env     []string
	cmd     *exec.Cmd
	done    chan struct{}
}

// up starts the service, and returns when it answers.
func (s *service) up() {
	s.t.Helper()
	s.cmd = exec.Command(s.command[0], s.command[1:]...)
	s.cmd.Dir, s.cmd.Env = s.folder, append(append(os.Environ(), "ISSUER="+s.issuer), s.env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said := new(strings.Builder)
	var mu sync.Mutex
	s.cmd.Stdout, s.cmd.Stderr = lockedBuilder{&mu, said}, lockedBuilder{&mu, said}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	s.done = done
	go func(cmd *exec.Cmd) { cmd.Wait(); close(done) }(s.cmd)
	s.t.Cleanup(s.down)
	for end := time.Now().Add(2 * patience); ; time.Sleep(20 * time.Millisecond) {
		if r, err := client.Get(strings.TrimSuffix(s.issuer, "/") + "/.well-known/openid-configuration"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			mu.Lock()
			defer mu.Unlock()
			s.t.Fatalf("the identity service does not answer:\n%s", said)
		}
	}
}

// down ends it.
func (s *service) down() {
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
}

type lockedBuilder struct {
	mu *sync.Mutex
	to *strings.Builder
}

func (w lockedBuilder) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// get returns what the service answers.
func (s *service) get(r *http.Request) string {
	s.t.Helper()
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		s.t.Fatalf("%s answered %d %s, %v", r.URL, answer.StatusCode, text, err)
	}
	return string(text)
}

// credentials is the grant of a backend, with its secret where the service wants it.
func (s *service) credentials(endpoint, user, password string, form url.Values) string {
	s.t.Helper()
	form.Set("grant_type", "client_credentials")
	r, err := http.NewRequest(http.MethodPost, strings.TrimSuffix(s.issuer, "/")+endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	var token struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(s.get(r)), &token); err != nil || strings.Count(token.Token, ".") != 2 {
		s.t.Fatalf("got %q, %v; want a JWT", token.Token, err)
	}
	return secret(token.Token)
}

// shortcut asks oidc-provider for what a browser and a person would otherwise do.
func (s *service) shortcut(path string, query url.Values) string {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.issuer+path+"?"+query.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.get(r)
}

// login is a token of oidc-provider for somebody who logged in.
func (s *service) login(user, session, audience string) string {
	s.t.Helper()
	return secret(s.shortcut("/shortcut/token", url.Values{"sub": {user}, "sid": {session}, "audience": {audience}}))
}

// installed is a folder with files of from, and the packages that they name: those that npm has installed in from, as continuous integration has it do,
// where they are what the lock says, else new ones.
func installed(t *testing.T, from string, files ...string) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program+" is not installed: install node.js")
		}
	}
	folder := t.TempDir()
	for _, name := range append([]string{"package.json", "package-lock.json"}, files...) {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if locked(t, filepath.Join(folder, "package-lock.json")) == locked(t, filepath.Join(from, "node_modules", ".package-lock.json")) {
		beside, err := filepath.Abs(filepath.Join(from, "node_modules"))
		if err == nil {
			err = os.Symlink(beside, filepath.Join(folder, "node_modules"))
		}
		if err != nil {
			t.Fatal(err)
		}
		return folder
	}
	install := within(t, 2*time.Minute, "npm", "ci", "--no-audit", "--no-fund")
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, "packages cannot be installed: npm ci: "+err.Error()+"\n"+string(out))
	}
	return folder
}

// locked says which packages, with their checksums, a lock of npm's holds; without the lock it says nothing.
func locked(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	if err == nil {
		err = json.Unmarshal(text, &lock)
	}
	if err != nil {
		t.Fatal(err)
	}
	delete(lock.Packages, "") // the folder itself
	return fmt.Sprint(lock.Packages)
}

// private makes a key as a service keeps it.
func private(t *testing.T, kid string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := key.Bytes()
	point, _ := key.PublicKey.Bytes()
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":%q,"use":"sig","alg":"ES256","x":%q,"y":%q,"d":%q}]}`, kid, encode(point[1:33]), encode(point[33:]), encode(d))
}

// tries asks until the gateway's answer to a token has this status.
func (g *gateway) tries(t *testing.T, token string, status int, limit time.Duration) *answer {
	t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		a := g.handshake(t, bearer(token))
		if a.status == status || time.Now().After(end) {
			if a.status != status {
				t.Errorf("after %v the answer is still %d %s, want %d", limit, a.status, a.body, status)
			}
			return a
		}
		a.line.Close()
	}
}

// knows is what every service is asked: its tokens get in by its name alone, for their audience, also where it was down at the start, and with new keys. fresh returns a new token of user.
func (s *service) knows(t *testing.T, settings, user string, fresh func() string, rotate func()) *gateway {
	t.Helper()
	s.up()
	early := fresh()
	s.down()
	g := start(t, options{acme: tenantOptions{issuers: "- { issuer: \"" + s.issuer + "\", prefix: \"op|\", " + settings + " }", rules: "- { name: ops, allow: [subscribe], channels: [\"room:**\"], for: { users: [\"" + user + "\"] } }"}})
	if a := g.handshake(t, bearer(early)); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("while its service is down: got %d %s, want 503 and when to come again", a.status, a.body)
	}
	g.dial(t, acme.token("ana")).does(`{"type":"echo","id":1,"channel":"lab:rtt","data":"others work"}`)
	s.up()
	g.tries(t, fresh(), http.StatusSwitchingProtocols, 70*time.Second)
	c := g.dial(t, fresh())
	if c.welcome["user"] != user {
		t.Errorf("got user %v, want %s", c.welcome["user"], user)
	}
	c.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":"by discovery"}`)
	old := fresh()
	s.down()
	rotate()
	s.up()
	began := time.Now()
	g.tries(t, fresh(), http.StatusSwitchingProtocols, 10*time.Second)
	t.Logf("a token of the new key got in %v after its first use", time.Since(began))
	if a := g.handshake(t, bearer(old)); a.status != http.StatusUnauthorized {
		t.Errorf("a token of the key that was taken out: got %d %s, want 401", a.status, a.body)
	}
	return g
}

func TestOIDCProvider(t *testing.T) {
	t.Parallel()
	const audience = "https://gw.example/"
	s := &service{t: t, issuer: "http://" + free(t), command: []string{"node", "op.mjs"}, folder: installed(t, root+"/test/identity/oidc-provider", "op.mjs")}
	hook := free(t) // the gateway's address is not known yet: what comes here is handed on
	settings := "audience: \"" + audience + "\", logout_audience: app"
	keys := func(kid string) { s.env = []string{"KEYS=" + private(t, kid), "LOGOUT=http://" + hook + "/v1/logout"} }
	keys("first")
	g := s.knows(t, settings, "op|ana", func() string { return s.login("ana", "s1", audience) }, func() { keys("second") })
	forward(t, hook, g.address)

	for name, token := range map[string]string{"another audience": s.login("ana", "s1", "https://other.example/"), "somebody who looks like another issuer's": s.login("cert|door", "s1", "https://other.example/")} {
		if a := g.handshake(t, bearer(token)); a.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d %s, want 401", name, a.status, a.body)
		}
	}
	backend := g.dial(t, s.credentials("/token", "", "", url.Values{"client_id": {"backend"}, "client_secret": {"a secret of the backend"}, "resource": {audience}, "scope": {"rt"}}))
	if backend.welcome["user"] != "op|backend" {
		t.Errorf("got %v, want op|backend", backend.welcome)
	}
	// The service ends one of her sessions, and the gateway does.
	first, second := s.login("ana", "s1", audience), s.login("ana", "s2", audience)
	gone, stays := g.dial(t, first), g.dial(t, second)
	s.shortcut("/shortcut/logout", url.Values{"sub": {"ana"}, "sid": {"s1"}})
	gone.ends(t, 4201, revokedReason)
	stays.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":"another session"}`)
	if a := g.handshake(t, bearer(first)); a.status != http.StatusUnauthorized {
		t.Errorf("a token of the session that was ended: got %d, want 401", a.status)
	}
	g.logged(t, entry{"event": "session_logout", "tenant": "acme", "source": "logout"})
}

func TestZitadelsExampleProvider(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "op")
	build := within(t, 3*time.Minute, "go", "-C", root+"/test/identity/zitadel", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		missing(t, "the provider cannot be built: "+err.Error()+"\n"+string(out))
	}
	_, port, _ := net.SplitHostPort(free(t))
	s := &service{t: t, issuer: "http://localhost:" + port + "/", command: []string{binary}}
	fresh := func() string {
		return s.credentials("/oauth/token", "sid1", "verysecret", url.Values{"scope": {"openid"}})
	}
	g := s.knows(t, "audience: sid1", "op|sid1", fresh, func() {})
	r, err := http.NewRequest(http.MethodGet, "http://"+g.address+"/v1/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+fresh())
	var who struct{ Tenant, User, Issuer string }
	if err := json.Unmarshal([]byte(s.get(r)), &who); err != nil || who.Tenant != "acme" || who.User != "op|sid1" || who.Issuer != s.issuer {
		t.Errorf("whoami: got %+v, %v", who, err)
	}
}

// forward hands every connection at one address on to another, until the test ends.
func forward(t *testing.T, from, to string) {
	t.Helper()
	l, err := net.Listen("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	over, end := context.WithCancel(context.Background())
	t.Cleanup(func() { l.Close(); end(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				up, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer up.Close()
				defer context.AfterFunc(over, func() { up.Close() })() // who keeps a connection would keep the test
				all.Go(func() { io.Copy(up, c) })
				io.Copy(c, up)
			})
		}
	})
}
