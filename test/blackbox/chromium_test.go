package blackbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// chromium is a running browser, without a window, and the one connection by which it is told what to do (the DevTools protocol).
type chromium struct {
	cmd    *exec.Cmd
	conn   *websocket.Conn
	pages  []*httptest.Server
	folder string
	done   chan struct{} // closed when nothing is read any more

	// Guarded by mu.
	mu    sync.Mutex
	last  int
	waits map[int]chan utterance
	tabs  map[string]*tab // by session
}

// utterance is an answer of the browser, or what it says by itself.
type utterance struct {
	ID      int             `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// windows is the one browser of the suite; each test has a profile of its own in it.
var windows struct {
	once sync.Once
	*chromium
	err error
}

// browse opens a tab, in a profile of its own. The tab is closed at the end of the test.
func browse(t *testing.T) *tab {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		missing(t, "chromium is not installed: apt-get install chromium")
	}
	windows.once.Do(func() { windows.chromium, windows.err = openChromium(program) })
	if windows.err != nil {
		t.Fatal(windows.err)
	}
	c := windows.chromium
	var profile struct{ BrowserContextID string }
	c.must(t, "", "Target.createBrowserContext", nil, &profile)
	var target struct{ TargetID string }
	c.must(t, "", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": profile.BrowserContextID}, &target)
	var session struct{ SessionID string }
	c.must(t, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b := &tab{chromium: c, session: session.SessionID, loaded: make(map[string]bool)}
	c.mu.Lock()
	c.tabs[b.session] = b
	c.mu.Unlock()
	t.Cleanup(func() {
		c.must(t, "", "Target.disposeBrowserContext", map[string]any{"browserContextId": profile.BrowserContextID}, nil)
	})
	for _, domain := range []string{"Page", "Runtime"} {
		b.must(t, domain+".enable", nil, nil)
	}
	b.must(t, "Page.setLifecycleEventsEnabled", map[string]any{"enabled": true}, nil)
	return b
}

// openChromium starts the browser. What it thinks of a certificate is not what is tested: it takes those of the suite's authority. All pages of
// https://*.example and of http://localhost:3000 are those of one server, which has the client library and the examples.
func openChromium(program string) (*chromium, error) {
	pages, plain := httptest.NewTLSServer(http.HandlerFunc(servePage)), httptest.NewServer(http.HandlerFunc(servePage))
	folder, err := os.MkdirTemp("", "portcullis-chromium-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-extensions", "--ignore-certificate-errors", "--host-resolver-rules=MAP *.example "+pages.Listener.Addr().String()+", MAP localhost:3000 "+plain.Listener.Addr().String(), "--user-data-dir="+folder, "--remote-debugging-port=0", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+folder)
	says, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &chromium{cmd: cmd, pages: []*httptest.Server{pages, plain}, folder: folder, done: make(chan struct{}), waits: make(map[int]chan utterance), tabs: make(map[string]*tab)}
	kill := time.AfterFunc(4*patience, func() { cmd.Process.Kill() }) // one that says nothing
	var heard []string
	for lines := bufio.NewScanner(says); lines.Scan(); {
		heard = append(heard, lines.Text())
		if _, address, ok := strings.Cut(lines.Text(), "DevTools listening on "); ok {
			kill.Stop()
			go func() { // ends with the process
				for lines.Scan() {
				}
			}()
			return c, c.listen(address)
		}
	}
	cmd.Wait()
	os.RemoveAll(folder)
	return nil, fmt.Errorf("chromium did not say where it listens:\n%s", strings.Join(heard, "\n"))
}

func (c *chromium) listen(address string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if c.conn, _, err = websocket.Dial(ctx, address, nil); err != nil {
		c.close()
		return fmt.Errorf("talk to chromium: %w", err)
	}
	c.conn.SetReadLimit(64 << 20)
	go c.read() // ends with the connection; close waits for it
	return nil
}

func (c *chromium) read() {
	defer close(c.done)
	for {
		_, text, err := c.conn.Read(context.Background())
		if err != nil {
			return
		}
		var say utterance
		if json.Unmarshal(text, &say) != nil {
			continue
		}
		c.mu.Lock()
		wait, tab := c.waits[say.ID], c.tabs[say.Session]
		delete(c.waits, say.ID)
		c.mu.Unlock()
		switch {
		case wait != nil:
			wait <- say
		case tab != nil:
			tab.hear(say)
		}
	}
}

// ask has the browser do something, in a session or in none.
func (c *chromium) ask(session, method string, params any, limit time.Duration) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	wait := make(chan utterance, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.waits[id] = wait
	c.mu.Unlock()
	request := map[string]any{"id": id, "method": method}
	if params != nil {
		request["params"] = params
	}
	if session != "" {
		request["sessionId"] = session
	}
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if err := c.conn.Write(ctx, websocket.MessageText, text); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case say := <-wait:
		if say.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, say.Error.Message)
		}
		return say.Result, nil
	case <-c.done:
		return nil, fmt.Errorf("%s: chromium is gone", method)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: no answer within %v", method, limit)
	}
}

func (c *chromium) must(t *testing.T, session, method string, params, into any) {
	t.Helper()
	result, err := c.ask(session, method, params, 4*patience)
	if err == nil && into != nil {
		err = json.Unmarshal(result, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// closeChromium ends the browser, where there is one.
func closeChromium() {
	if windows.chromium != nil {
		windows.close()
	}
}

func (c *chromium) close() {
	if c.conn != nil {
		_, _ = c.ask("", "Browser.close", nil, patience) // its children with it
		c.conn.CloseNow()
		<-c.done
	}
	kill := time.AfterFunc(patience, func() { c.cmd.Process.Kill() })
	c.cmd.Wait()
	kill.Stop()
	for _, one := range c.pages {
		one.Close()
	}
	os.RemoveAll(c.folder)
}

// servePage answers a page's requests: the library as dev's page has it, where the tests and the examples look for it, the examples, and else an empty page.
func servePage(w http.ResponseWriter, r *http.Request) {
	bundle := filepath.Join(root, "internal/dev/playground/web")
	switch folder, name := path.Split(path.Clean(r.URL.Path)); {
	case r.URL.Path == "/sdk/typescript/dist/index.js":
		http.ServeFile(w, r, filepath.Join(bundle, "portcullis.js"))
	case name == "portcullis.js", name == "e2ee.js", name == "both.js":
		http.ServeFile(w, r, filepath.Join(bundle, name))
	case strings.HasPrefix(folder, "/examples/"):
		http.FileServer(http.Dir(root)).ServeHTTP(w, r)
	default:
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>a page</title>")
	}
}

// tab is a page in a profile of its own.
type tab struct {
	*chromium
	session string

	// Guarded by the chromium's mu.
	complaints []string
	loaded     map[string]bool // pages, by the browser's name of their loading
}

func (b *tab) must(t *testing.T, method string, params, into any) {
	t.Helper()
	b.chromium.must(t, b.session, method, params, into)
}

// hear keeps what the page should not have said.
func (b *tab) hear(say utterance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch say.Method {
	case "Page.lifecycleEvent":
		var event struct{ Name, LoaderID string }
		if json.Unmarshal(say.Params, &event) == nil && event.Name == "load" {
			b.loaded[event.LoaderID] = true
		}
	case "Runtime.exceptionThrown":
		b.complaints = append(b.complaints, string(say.Params))
	case "Runtime.consoleAPICalled":
		var said struct {
			Type string
			Args []struct{ Value, Description json.RawMessage }
		}
		if json.Unmarshal(say.Params, &said) == nil && (said.Type == "error" || said.Type == "assert") {
			b.complaints = append(b.complaints, string(say.Params))
		}
	}
}

// opens goes to an address and waits until the page is there.
func (b *tab) opens(t *testing.T, address string) {
	t.Helper()
	var went struct{ ErrorText, LoaderID string }
	b.must(t, "Page.navigate", map[string]any{"url": address}, &went)
	if went.ErrorText != "" {
		t.Fatalf("%s: %s", address, went.ErrorText)
	}
	for end := time.Now().Add(4 * patience); ; time.Sleep(5 * time.Millisecond) {
		b.mu.Lock()
		there := b.loaded[went.LoaderID]
		b.mu.Unlock()
		if there {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s was not loaded", address)
		}
	}
}

// does runs the body of an async function in the page, and reads what it returns.
func (b *tab) does(t *testing.T, body string, into any) {
	t.Helper()
	if err := b.tries(body, into); err != nil {
		t.Fatalf("%v\nin the page:\n%s\nit complained: %s", err, body, b.complained())
	}
}

func (b *tab) tries(body string, into any) error {
	result, err := b.ask(b.session, "Runtime.evaluate", map[string]any{"expression": "(async () => {" + body + "\n})()", "awaitPromise": true, "returnByValue": true}, 4*patience)
	if err != nil {
		return err
	}
	var done struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description, Value string }
		}
	}
	if err := json.Unmarshal(result, &done); err != nil {
		return err
	}
	if e := done.ExceptionDetails; e != nil {
		return fmt.Errorf("%s %s%s", e.Text, e.Exception.Description, e.Exception.Value)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(done.Result.Value, into)
}

func (b *tab) complained() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.complaints, "\n")
}

// shown keeps a picture of the page where PORTCULLIS_PICTURES names a folder for it: for people, who judge it.
func (b *tab) shown(t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv("PORTCULLIS_PICTURES")
	if folder == "" {
		return
	}
	var picture struct{ Data []byte }
	b.must(t, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &picture)
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture.Data, 0o600); err != nil {
		t.Fatal(err)
	}
}
