// Package blackbox_test attacks the program as it is shipped: it builds the binary, starts it, and knows nothing of it but what a client, a
// scraper and the reader of its log can see.
//
// Most tests share a gateway, because starting one costs; see [plain] and [secure]. They count what moves in its metrics, so they do not run
// in parallel. A test that needs another configuration, ends its gateway, or waits for a clock, starts its own (a tenth of a second), and runs
// beside others.
package blackbox_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	flooding()
	attacking()
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("6") // those that run in parallel wait for clocks, not for processors
	}
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	closeChromium()
	for _, err := range contracted.broken {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if built.folder != "" {
		os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

// built is the program under test.
var built struct {
	once           sync.Once
	folder, binary string
	err            error
}

// program builds the gateway, once, and returns the path of the binary.
func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() { built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.binary
}

func build() (err error) {
	if err = rememberSources(); err != nil {
		return err
	}
	if built.folder, err = os.MkdirTemp("", "portcullis-blackbox-"); err != nil {
		return err
	}
	built.binary = filepath.Join(built.folder, "portcullis")
	args := []string{"build", "-o", built.binary}
	if raced {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/portcullis")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// root is the folder of the module.
const root = "../.."

// rememberSources looks at every folder of the program, so that go test runs the suite again when a source changed, though the suite
// imports hardly any: go test notes what a test looks at.
func rememberSources() error {
	for _, folder := range []string{"cmd", "internal", "api"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(string, fs.DirEntry, error) error { return nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// shared are the gateways that tests have in common, by a name for their configuration.
var shared = make(map[string]*gateway)

// plain is the gateway without TLS.
func plain(t *testing.T) *gateway { return share(t, "plain", options{}) }

// secure is the gateway with TLS that asks for client certificates.
func secure(t *testing.T) *gateway {
	return share(t, "secure", options{tls: true, listen: "client_certificates: request"})
}

// share starts the gateway called name, or returns it. The suite ends it.
func share(t *testing.T, name string, o options) *gateway {
	t.Helper()
	g := shared[name]
	if g == nil {
		program(t)
		folder := filepath.Join(built.folder, name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		g = launch(t, folder, o)
		shared[name] = g
	}
	t.Cleanup(func() {
		if err := g.check(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func closeShared() error {
	var errs []error
	for name, g := range shared {
		if err := g.stop(); err != nil {
			errs = append(errs, fmt.Errorf("the shared gateway %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// start starts a gateway for one test, which ends it.
func start(t *testing.T, o options) *gateway {
	t.Helper()
	g := launch(t, t.TempDir(), o)
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// secrets are what no log may hold: every token and payload that the suite uses. They are of the whole suite: what one gateway hears
// must stand in no other's log either. There are thousands, so that they are found by how they begin, in one walk through a log.
var secrets struct {
	mu  sync.Mutex
	all map[beginning]map[string]bool
}

type beginning [12]byte // shorter ones stand in a log by chance

// secret remembers that s must not stand in any log, and returns it. Of a token, no part of it may.
func secret(s string) string {
	secrets.mu.Lock()
	defer secrets.mu.Unlock()
	if secrets.all == nil {
		secrets.all = make(map[beginning]map[string]bool)
	}
	for _, part := range append(strings.Split(s, "."), s) {
		if len(part) < len(beginning{}) {
			continue
		}
		begins := beginning([]byte(part))
		if secrets.all[begins] == nil {
			secrets.all[begins] = make(map[string]bool)
		}
		secrets.all[begins][part] = true
	}
	return s
}

// leaked returns a secret that stands in text.
func leaked(text string) (found string, ok bool) {
	secrets.mu.Lock()
	defer secrets.mu.Unlock()
	for i := 0; i+len(beginning{}) <= len(text); i++ {
		for s := range secrets.all[beginning([]byte(text[i:i+len(beginning{})]))] {
			if strings.HasPrefix(text[i:], s) {
				return s, true
			}
		}
	}
	return "", false
}
