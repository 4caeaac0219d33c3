package sdk_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/auth/authtest"
)

const issuerURL = "https://id.acme.example"

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

// settings are those of every gateway here. Channels of room keep enough for every test, those of brief next to nothing, those of bare nothing, those of
// sealed what is encrypted; everybody is subscribed to room:chosen without asking.
const settings = `
listen: {address: "127.0.0.1:0", plaintext: true}
admin: {address: "127.0.0.1:0"}
drain: {delay: 0s}
admission: {connections: unlimited, connections_per_address: unlimited, connections_per_second_per_address: unlimited, failures_per_minute_per_address: unlimited}
log: {format: json, level: info}
tenants:
  - id: acme
    issuers: [{issuer: "` + issuerURL + `", audience: portcullis, jwks_file: jwks.json, leeway: 1s}]
    rules:
      - {name: all, allow: [subscribe, publish, history, presence, echo], channels: ["room:*", "brief:*", "bare:*", "sealed:*"]}
      - {name: backends manage, allow: [manage], for: {roles: [backend]}}
    subscribe: [{channels: ["room:chosen"]}]
    channels:
      - {match: "room:*", presence: true, history: {messages: 10000, ttl: 1h}}
      - {match: "brief:*", history: {messages: 3, ttl: 1h}}
      - {match: "sealed:*", encryption: required, history: {messages: 100, ttl: 1h}}
    limits: {messages_per_second: 1000000, messages_per_second_per_user: 1000000, messages_per_second_per_connection: 10000, bytes_per_second_per_connection: unlimited}
`

// built is the program under test.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "portcullis-sdk-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, "portcullis")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/portcullis")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := built(); err == nil {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// gateways are the one that runs, behind lines that stay when it is replaced.
type gateways struct {
	t       *testing.T
	folder  string
	issuer  *authtest.Issuer
	lines   *lines
	control *httptest.Server

	// Guarded by mu.
	mu  sync.Mutex
	now *process
}

// process is one gateway.
type process struct {
	cmd            *exec.Cmd
	address, admin string
	ended          chan struct{}
	said           strings.Builder // the beginning of its log; read once ended is closed
}

// start starts a gateway, the lines to it, and what the tests control them by.
func start(t *testing.T) *gateways {
	t.Helper()
	g := &gateways{t: t, folder: t.TempDir(), issuer: authtest.New(issuerURL)}
	for name, text := range map[string][]byte{"portcullis.yaml": []byte(settings), "jwks.json": g.issuer.JWKS()} {
		if err := os.WriteFile(filepath.Join(g.folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if g.now, err = g.launch(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.current().kill() })
	g.lines = newLines(t, func() string { return g.current().address })
	g.control = httptest.NewServer(g.handler())
	t.Cleanup(g.control.Close)
	return g
}

func (g *gateways) current() *process {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// launch starts a gateway and waits until it serves.
func (g *gateways) launch() (*process, error) {
	binary, err := built()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(binary, "serve", "--config", "portcullis.yaml"), ended: make(chan struct{})}
	p.cmd.Dir = g.folder
	log, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	serving := make(chan [2]string, 1)
	go func() { // ends with the process
		defer close(p.ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if p.said.Len() < 4096 {
				p.said.WriteString(lines.Text() + "\n")
			}
			var said struct {
				Event   string
				Address string
				Admin   string `json:"admin_address"`
			}
			if json.Unmarshal(lines.Bytes(), &said) == nil && said.Event == "node.serving" {
				serving <- [2]string{said.Address, said.Admin}
			}
		}
		_ = p.cmd.Wait()
	}()
	select {
	case at := <-serving:
		p.address, p.admin = at[0], at[1]
		return p, nil
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
	}
	return nil, fmt.Errorf("the gateway did not say that it serves:\n%s", p.said.String())
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// replace starts another gateway in the place of the one that there is, which drains.
func (g *gateways) replace() error {
	next, err := g.launch()
	if err != nil {
		return err
	}
	g.mu.Lock()
	before := g.now
	g.now = next
	g.mu.Unlock()
	if err := before.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-before.ended:
	case <-time.After(patience):
		before.kill()
		return fmt.Errorf("the gateway did not drain within %v", patience)
	}
	return nil
}
