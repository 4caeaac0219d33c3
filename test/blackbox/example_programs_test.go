package blackbox_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// development is a running `portcullis dev`, as it tells other commands where it is.
type development struct {
	URL       string `json:"url"`
	PlainURL  string `json:"plain_url"`
	PageURL   string `json:"page_url"`
	CAFile    string `json:"ca_file"`
	TokenFile string `json:"token_file"`

	env []string // of commands that find it
}

// develop starts one for the test, which ends it.
func develop(t *testing.T) development {
	t.Helper()
	home := t.TempDir()
	d := development{env: append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home)}
	cmd := exec.Command(program(t), "dev", "--listen", "127.0.0.1:0", "--tls", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--page", "127.0.0.1:0")
	cmd.Env = d.env
	var says strings.Builder
	cmd.Stdout, cmd.Stderr = &says, &says
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("dev: %v\n%s", err, says.String())
		}
	})
	for end := time.Now().Add(2 * patience); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(home, "portcullis", "dev.json"))
		if err == nil && json.Unmarshal(text, &d) == nil {
			return d
		}
		if time.Now().After(end) {
			cmd.Process.Kill()
			t.Fatal("dev does not say where it is")
		}
	}
}

// example builds one of the programs in examples.
func example(t *testing.T, name string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(name))
	build := within(t, 8*patience, "go", "build", "-o", binary, "./examples/"+name)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// running is a program that goes on beside the test, and its output.
type running struct {
	cmd *exec.Cmd

	// Guarded by mu.
	mu   sync.Mutex
	said []string
}

// runs starts a program. The test ends it.
func (d development) runs(t *testing.T, name string, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(name, args...)}
	d.begins(t, r)
	return r
}

func (d development) begins(t *testing.T, r *running) {
	t.Helper()
	r.cmd.Env = d.env
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stderr = r.cmd.Stdout
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { // ends with the program
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			r.mu.Lock()
			r.said = append(r.said, lines.Text())
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		r.cmd.Process.Kill()
		<-read
		r.cmd.Wait()
	})
}

// says waits for a line.
func (r *running) says(t *testing.T, line string) {
	t.Helper()
	is := regexp.MustCompile(line)
	for end := time.Now().Add(3 * patience); ; time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		said := strings.Join(r.said, "\n")
		r.mu.Unlock()
		if is.MatchString(said) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no line is %s:\n%s", line, said)
		}
	}
}

// once runs a program to its end, with a token of a role where one is named, and returns what it said.
func (d development) once(t *testing.T, role, name string, args ...string) string {
	t.Helper()
	cmd := within(t, 3*patience, name, args...)
	cmd.Env = d.env
	if role != "" {
		cmd.Env = append(cmd.Env, "PORTCULLIS_TOKEN="+strings.TrimSpace(d.once(t, "", program(t), "token", "mint", "--dev", "--sub", "orders", "--role", role)))
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

func TestTheDeviceOfTheExamples(t *testing.T) {
	t.Parallel()
	d := develop(t)
	door := filepath.Join(filepath.Dir(d.TokenFile), "door")
	const reports = "telemetry:cert|door.acme.example"
	watcher := d.runs(t, program(t), "subscribe", reports)
	watcher.says(t, "subscribed to "+regexp.QuoteMeta(reports))
	device := d.runs(t, example(t, "device"), "--url", d.URL, "--ca", d.CAFile, "--cert", door+".crt", "--key", door+".key", "--every", "100ms")
	watcher.says(t, `cert\|door\.acme\.example.*\{"celsius":[12][0-9.]+\}`)
	for end := time.Now().Add(patience); ; { // it may report before it listens
		d.once(t, "", program(t), "publish", reports+":commands", "restart")
		device.mu.Lock()
		heard := strings.Contains(strings.Join(device.said, "\n"), `ana says "restart"`)
		device.mu.Unlock()
		if heard {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the device hears nothing")
		}
	}
}

func TestTheBackendOfTheExamples(t *testing.T) {
	t.Parallel()
	d := develop(t)
	ana := d.runs(t, program(t), "subscribe", "user:ana:inbox")
	ana.says(t, "subscribed to user:ana:inbox")
	backend := example(t, "notifications/backend")
	url := "http" + strings.TrimSuffix(strings.TrimPrefix(d.PlainURL, "ws"), "/v1/ws")
	first := d.once(t, "service", backend, "--url", url, "--key", "order-17-shipped", "ana", "Your parcel has left")
	if again := d.once(t, "service", backend, "--url", url, "--key", "order-17-shipped", "ana", "Your parcel has left"); again != first || !strings.HasPrefix(first, "told ana, at offset ") {
		t.Errorf("got %q and with the same key %q, want the same place", first, again)
	}
	if other := d.once(t, "service", backend, "--url", url, "--key", "order-18-shipped", "ana", "Another one, too"); other == first {
		t.Errorf("got %q for another key, want another place", other)
	}
	ana.says(t, `(?s)orders.*Your parcel has left.*Another one, too`)
	// What a user is called stays inside one segment.
	d.once(t, "service", backend, "--url", url, "--key", "a", "ana:inbox|é", "for somebody else")
	if refused, err := (&exec.Cmd{Path: backend, Args: []string{backend, "--url", url, "--key", "a", "ana", "x"}, Env: append(d.env, "PORTCULLIS_TOKEN=forged")}).CombinedOutput(); err == nil || !strings.Contains(string(refused), "unauthorized") {
		t.Errorf("got %v %s, want unauthorized", err, refused)
	}
}

// mint returns a token of dev for a user.
func (d development) mint(t *testing.T, user string, more ...string) string {
	t.Helper()
	return strings.TrimSpace(d.once(t, "", program(t), append([]string{"token", "mint", "--dev", "--sub", user}, more...)...))
}

// The pages of the examples need an origin that dev knows: they stand where the usual tools serve.
const examplePages = "http://localhost:3000"

func TestTheChatOfTheExamples(t *testing.T) {
	t.Parallel()
	d := develop(t)
	d.once(t, "", program(t), "publish", "room:tea", `{"text":"before anybody came"}`)
	enter := func(user string) *tab {
		b := browse(t)
		b.opens(t, examplePages+"/examples/chat/")
		b.does(t, hand+`
			const form = document.forms.come;
			Object.assign(form.elements.url, { value: "`+d.PlainURL+`" });
			Object.assign(form.elements.token, { value: "`+d.mint(t, user, "--role", "member")+`" });
			Object.assign(form.elements.room, { value: "tea" });
			form.requestSubmit();
			await seen("messages", "ana: before anybody came");
			await seen("members", "`+user+`");
		`, nil)
		return b
	}
	ana, ben := enter("ana"), enter("ben")
	ana.does(t, hand+`
		await seen("members", "ben");
		document.forms.say.elements.text.value = "tea is ready";
		document.forms.say.requestSubmit();
		await seen("messages", "ana: tea is ready");
	`, nil)
	ben.does(t, hand+`await seen("messages", "ana: tea is ready");`, nil)
	for _, b := range []*tab{ana, ben} {
		if complaints := b.complained(); complaints != "" {
			t.Errorf("the page complains: %s", complaints)
		}
	}
}

// What came while the inbox was closed is there when it is opened again, and once.
func TestTheInboxOfTheExamples(t *testing.T) {
	t.Parallel()
	d := develop(t)
	backend := example(t, "notifications/backend")
	notify := func(key, text string) {
		t.Helper()
		d.once(t, "service", backend, "--url", "http"+strings.TrimSuffix(strings.TrimPrefix(d.PlainURL, "ws"), "/v1/ws"), "--key", key, "ana", text)
	}
	b := browse(t)
	open := func(until string) {
		t.Helper()
		b.opens(t, examplePages+"/examples/notifications/")
		b.does(t, hand+`
			const form = document.forms.come;
			Object.assign(form.elements.url, { value: "`+d.PlainURL+`" });
			Object.assign(form.elements.token, { value: "`+d.mint(t, "ana")+`" });
			form.requestSubmit();
		`+until, nil)
	}
	// Nothing tells when the inbox is open but what comes.
	open("")
	for n := 0; ; n++ {
		notify("a"+strconv.Itoa(n), "the first")
		var shown string
		if b.does(t, hand+`return $("notifications").innerText`, &shown); strings.Contains(shown, "the first") {
			break
		}
		if n > 100 {
			t.Fatal("nothing comes into the inbox")
		}
	}
	b.opens(t, "about:blank")
	notify("b", "while it was closed")
	open(`await seen("notifications", "while it was closed");`)
	notify("c", "the last")
	b.does(t, hand+`
		await seen("notifications", "the last");
		const lines = $("notifications").innerText.split("\n").map((line) => line.trim()).filter(Boolean);
		if (lines.join() !== "while it was closed,the last") throw new Error(lines.join());
	`, nil)
}

func TestTheEncryptedRoomOfTheExamples(t *testing.T) {
	t.Parallel()
	d := develop(t)
	if out, err := within(t, patience, "node", "--experimental-websocket", "-e", "new WebSocket('ws://127.0.0.1:9').onerror = () => process.exit(0)").CombinedOutput(); err != nil {
		missing(t, "node with a WebSocket of its own is not installed: install node.js 20.10 or newer: "+err.Error()+"\n"+string(out))
	}
	folder := t.TempDir()
	library := filepath.Join(folder, "node_modules/@portcullis/client")
	for from, to := range map[string]string{
		"internal/dev/playground/web/portcullis.js": filepath.Join(library, "portcullis.js"), "internal/dev/playground/web/e2ee.js": filepath.Join(library, "e2ee.js"),
		"internal/dev/playground/web/both.js": filepath.Join(library, "both.js"), "examples/encrypted-room/room.js": filepath.Join(folder, "room.mjs"),
	} {
		text, err := os.ReadFile(filepath.Join(root, from))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o700)
		}
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(library, "package.json"), []byte(`{"type":"module","exports":{".":"./portcullis.js","./e2ee":"./e2ee.js"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	join := func(user string) (*running, io.Writer) {
		r := &running{cmd: exec.Command("node", "--no-warnings", "--experimental-websocket", filepath.Join(folder, "room.mjs"), user, d.PageURL)}
		typed, err := r.cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		d.begins(t, r)
		r.says(t, user+" is here")
		return r, typed
	}
	ana, byAna := join("ana")
	ben, byBen := join("ben")
	ben.says(t, "the key of generation 1")
	io.WriteString(byAna, "the key is under the mat\n")
	ben.says(t, "ana: the key is under the mat")
	io.WriteString(byBen, "thank you\n")
	ana.says(t, "ben: thank you")
	io.WriteString(byAna, "/remove ben\n")
	ben.says(t, "no key: not_member: generation 2 has no key for ben")
	io.WriteString(byAna, "it is no more\n")
	ana.says(t, "ana: it is no more")
	ben.says(t, "ana says what cannot be read: key")
	// Ben comes back with new keys, and hana for the first time: the next generation is hers.
	again, _ := join("ben")
	hana, _ := join("hana")
	hana.says(t, "the key of generation 3")
	io.WriteString(byAna, "he is out\n")
	hana.says(t, "ana: he is out")
	again.says(t, "ana says what cannot be read: key")
}
