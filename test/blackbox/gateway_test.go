package blackbox_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. Nothing here takes so long, also not on a busy machine with the race detector.
const patience = 15 * time.Second

// gateway is one running gateway.
type gateway struct {
	// Set by launch, then read-only.
	options    options
	folder     string
	address    string // of the clients' listener
	admin      string // of the administrators'
	cmd        *exec.Cmd
	ended      chan struct{} // closed when the process has, and all of its log was read
	goroutines float64       // at rest

	// Set before ended is closed.
	exit int

	// Owned by the test's goroutine.
	pause time.Time // until which the refusals so far would take, at the rate of [gateway.pace]

	// Guarded by mu.
	mu      sync.Mutex
	log     []string
	checked int // how many lines were checked for secrets
	stopped bool
}

// entry is one line of the log.
type entry map[string]any

// launch starts a gateway in folder and waits until it is ready. The caller stops it.
func launch(t *testing.T, folder string, o options) *gateway {
	t.Helper()
	g := spawn(t, folder, o, "serve", "--config", o.write(t, folder))
	serving, ok := g.await(entry{"event": "node.serving"})
	if !ok {
		g.abandon(t, "it did not say that it serves")
	}
	g.address, g.admin = serving["address"].(string), serving["admin_address"].(string)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if status, _, err := g.ask("/readyz"); err == nil && status == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			g.abandon(t, "it did not become ready")
		}
	}
	g.goroutines = g.metric(t, "go_goroutines")
	return g
}

// spawn starts the program with these arguments.
func spawn(t *testing.T, folder string, o options, args ...string) *gateway {
	t.Helper()
	g := &gateway{options: o, folder: folder, cmd: exec.Command(program(t), args...), ended: make(chan struct{})}
	if o.core != "" {
		g.cmd = exec.Command("taskset", append([]string{"-c", o.core, program(t)}, args...)...)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	g.cmd.Stderr, g.cmd.Stdout = write, write
	g.cmd.Dir = folder
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	go func() { // ends with the process
		defer close(g.ended)
		g.follow(read)
		g.cmd.Wait()
		g.exit = g.cmd.ProcessState.ExitCode()
	}()
	return g
}

// follow takes the log, line by line.
func (g *gateway) follow(r io.ReadCloser) {
	defer r.Close()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		g.mu.Lock()
		g.log = append(g.log, lines.Text())
		g.mu.Unlock()
	}
}

func (g *gateway) abandon(t *testing.T, why string) {
	t.Helper()
	g.cmd.Process.Kill()
	<-g.ended
	t.Fatalf("the gateway: %s; its log:\n%s", why, g.text())
}

// text is all of the log so far.
func (g *gateway) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.log, "\n")
}

// find returns the last line of the log that has all of want.
func (g *gateway) find(want entry) (entry, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := len(g.log) - 1; i >= 0; i-- {
		var e entry
		if want.mayBeIn(g.log[i]) && json.Unmarshal([]byte(g.log[i]), &e) == nil && e.has(want) {
			return e, true
		}
	}
	return nil, false
}

// mayBeIn is has without reading JSON: a log may be long.
func (e entry) mayBeIn(line string) bool {
	for k := range e {
		if text, ok := e[k].(string); !strings.Contains(line, k) || ok && strings.Trim(text, plainText) == "" && !strings.Contains(line, text) {
			return false
		}
	}
	return true
}

// plainText stands in JSON as it is.
const plainText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-"

func (e entry) has(want entry) bool {
	for k, v := range want {
		if fmt.Sprint(e[k]) != fmt.Sprint(v) {
			return false
		}
	}
	return true
}

// await is find for a line that may still have to come. It gives up early when the process has ended.
func (g *gateway) await(want entry) (entry, bool) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if e, ok := g.find(want); ok {
			return e, true
		}
		select {
		case <-g.ended:
			return g.find(want)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil, false
}

// logged returns the line of the log that has all of want, and fails the test when none comes.
func (g *gateway) logged(t *testing.T, want entry) entry {
	t.Helper()
	e, ok := g.await(want)
	if !ok {
		t.Fatalf("no line of the log has %v; its end:\n%s", want, tail(g.text(), 4000))
	}
	return e
}

func tail(text string, most int) string { return text[max(0, len(text)-most):] }

// client asks the admin listener. It keeps no connection, so that none stands in the way of an end, and wants no compression, which costs the race
// detector more than all of the rest.
var client = http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// ask gets a path of the admin listener, with its token where there is one.
func (g *gateway) ask(path string) (status int, body string, err error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+g.admin+path, nil)
	if err != nil {
		return 0, "", err
	}
	if g.options.adminToken != "" {
		r.Header.Set("Authorization", "Bearer "+g.options.adminToken)
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// scrape is series at one moment, in the text format.
type scrape string

// scrape asks for the series of these names, or for all, which costs the gateway half as much again.
func (g *gateway) scrape(t *testing.T, names ...string) scrape {
	t.Helper()
	query := make(url.Values)
	for _, name := range names {
		query.Add("name[]", name)
		for _, part := range []string{"_count", "_sum", "_bucket"} {
			if family, ok := strings.CutSuffix(name, part); ok {
				query.Add("name[]", family)
			}
		}
	}
	status, body, err := g.ask("/metrics?" + query.Encode())
	if err != nil || status != http.StatusOK {
		t.Fatalf("scrape: %d, %v", status, err)
	}
	return scrape(body)
}

// sum adds up the series of a name that have these labels (name, value, name, value, ...), and says how many there are. No label here has a comma
// or a quote in its value.
func (s scrape) sum(name string, labels ...string) (total float64, series int) {
	for line := range strings.Lines(string(s)) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != '{' && rest[0] != ' ' || !hasLabels(rest, labels) {
			continue
		}
		_, number, _ := cutLast(strings.TrimSpace(rest), " ")
		if number == "" {
			number = strings.TrimSpace(rest)
		}
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			panic(fmt.Sprintf("a scrape has the line %q: %v", line, err))
		}
		total += value
		series++
	}
	return total, series
}

func hasLabels(rest string, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		pair := fmt.Sprintf("%s=%q", labels[i], labels[i+1])
		if !strings.Contains(rest, "{"+pair) && !strings.Contains(rest, ","+pair) {
			return false
		}
	}
	return true
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// metric returns the sum of the series of a name that have these labels. One that does not exist fails the test: label sets are created at zero.
func (g *gateway) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	total, series := g.scrape(t, name).sum(name, labels...)
	if series == 0 {
		t.Fatalf("there is no metric %s with %q", name, labels)
	}
	return total
}

// until waits for a metric to become want.
func (g *gateway) until(t *testing.T, want float64, name string, labels ...string) {
	t.Helper()
	got := g.metric(t, name, labels...)
	for end := time.Now().Add(patience); got != want; got = g.metric(t, name, labels...) {
		if time.Now().After(end) {
			t.Fatalf("%s%q is %v, want %v", name, labels, got, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// signal sends the process a signal.
func (g *gateway) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// wait returns the exit code of a process that ends within limit.
func (g *gateway) wait(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-g.ended:
		return g.exit
	case <-time.After(limit):
		t.Fatalf("the process has not ended within %v; its log:\n%s", limit, tail(g.text(), 4000))
		return -1
	}
}

// stop ends the gateway, unless its test has, and says what was wrong with it in all of its life.
func (g *gateway) stop() error {
	g.mu.Lock()
	again := g.stopped
	g.stopped = true
	g.checked = 0 // what became a secret later must not stand in earlier lines either
	g.mu.Unlock()
	if again {
		return nil
	}
	var errs []error
	select {
	case <-g.ended:
	default:
		errs = append(errs, g.settled())
		g.cmd.Process.Signal(syscall.SIGINT)
	}
	select {
	case <-g.ended:
	case <-time.After(2 * patience):
		g.cmd.Process.Kill()
		<-g.ended
		errs = append(errs, errors.New("it did not end after SIGINT"))
	}
	if g.exit != 0 {
		errs = append(errs, fmt.Errorf("it ended with %d; its log ends with:\n%s", g.exit, tail(g.text(), 4000)))
	}
	return errors.Join(append(errs, g.check())...)
}

// spare is how many goroutines may be left behind by work: those that wait for more of it (internal/session/host.go), and scrapes.
const spare = 64 + 16

// settled reports what is left of connections whose clients have gone.
func (g *gateway) settled() error {
	var connections, goroutines float64
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		_, body, err := g.ask("/metrics")
		if err != nil {
			return err
		}
		connections, _ = scrape(body).sum("portcullis_connections")
		goroutines, _ = scrape(body).sum("go_goroutines")
		if connections == 0 && goroutines <= g.goroutines+spare {
			return nil
		}
	}
	return fmt.Errorf("its clients have gone, and it still has %v connections and %v goroutines, %v when it was new", connections, goroutines, g.goroutines)
}

// check looks for secrets and panics in the lines that were not looked at.
func (g *gateway) check() error {
	g.mu.Lock()
	from := max(0, g.checked-1) // the last line may have been half a second old
	text := strings.Join(g.log[min(from, len(g.log)):], "\n")
	g.checked = len(g.log)
	g.mu.Unlock()
	for _, bad := range []string{"panic", "DATA RACE", "fatal error", "goroutine "} {
		if i := strings.Index(text, bad); i >= 0 {
			return fmt.Errorf("its log has %q:\n%s", bad, text[i:min(len(text), i+4000)])
		}
	}
	if s, found := leaked(text); found {
		return fmt.Errorf("its log holds the secret %.40q; the lines:\n%s", s, linesWith(text, s))
	}
	select {
	case <-g.ended:
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.stopped {
			return fmt.Errorf("it ended by itself, with %d:\n%s", g.exit, tail(text, 4000))
		}
	default:
	}
	return nil
}

func linesWith(text, part string) string {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			b.WriteString(line)
		}
	}
	return b.String()
}
