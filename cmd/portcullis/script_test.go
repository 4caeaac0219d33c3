package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"portcullis/internal/listen/authority"
)

// patience is how long a program may take to say what a script waits for, or to end.
const patience = 20 * time.Second

// started are the programs of one script, by the name that it gave them.
type started map[string]*beside

type startedKey struct{}

// setUp gives a script a home of its own, so that no development gateway of the tester's is found, and a server for its files.
func setUp(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, ".home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	files := httptest.NewServer(http.FileServer(http.Dir(e.WorkDir)))
	e.Defer(files.Close)
	e.Setenv("HOME", home)
	e.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	e.Setenv("FILES", files.URL)
	e.Setenv("GORACE", "atexit_sleep_ms=0") // with -race every program would end a second late
	e.Values[startedKey{}] = started{}
	return nil
}

// beside is a program that runs beside the script.
type beside struct {
	cmd    *exec.Cmd
	output output
	ended  chan error
}

// output is what a program has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// exits CODE PROGRAM ARGS...: the program ends with this exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := codeOf(ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("%s ended with exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func codeOf(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// start NAME PATTERN PROGRAM ARGS...: runs the program beside the script, and waits until its output matches. The pattern's
// named groups become variables.
func start(ts *testscript.TestScript, _ bool, args []string) {
	name, pattern := args[0], regexp.MustCompile(args[1])
	p := &beside{cmd: exec.Command(args[2], args[3:]...), ended: make(chan error, 1)}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	for _, v := range []string{"PATH", "HOME", "XDG_CACHE_HOME", "TMPDIR", "GORACE", "PORTCULLIS_URL", "PORTCULLIS_TOKEN"} {
		if value := ts.Getenv(v); value != "" {
			p.cmd.Env = append(p.cmd.Env, v+"="+value)
		}
	}
	ts.Check(p.cmd.Start())
	go func() { p.ended <- p.cmd.Wait() }()
	ts.Defer(func() { _ = p.cmd.Process.Kill() })
	ts.Value(startedKey{}).(started)[name] = p
	await(ts, name, pattern)
}

// says NAME PATTERN: waits until the output of a program that was started matches, as start does.
func says(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, args[0], regexp.MustCompile(args[1]))
}

func await(ts *testscript.TestScript, name string, pattern *regexp.Regexp) {
	p := ts.Value(startedKey{}).(started)[name]
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		ended := len(p.ended) > 0
		if found := pattern.FindStringSubmatch(p.output.String()); found != nil {
			for i, group := range pattern.SubexpNames() {
				if group != "" {
					ts.Setenv(group, found[i])
				}
			}
			return
		}
		if ended {
			break
		}
	}
	ts.Fatalf("%s did not say %s; it said\n%s", name, pattern, p.output.String())
}

// signal NAME TERM|INT: sends a signal to a program that was started.
func signalTo(ts *testscript.TestScript, _ bool, args []string) {
	number := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT}[args[1]]
	ts.Check(ts.Value(startedKey{}).(started)[args[0]].cmd.Process.Signal(number))
}

// ends NAME CODE [FILE]: waits until a program that was started ends with this exit code, and puts what it said into FILE.
func ends(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value(startedKey{}).(started)[args[0]]
	select {
	case err := <-p.ended:
		if got := fmt.Sprint(codeOf(err)); got != args[1] {
			ts.Fatalf("%s ended with exit code %s, want %s; it said\n%s", args[0], got, args[1], p.output.String())
		}
	case <-time.After(patience):
		ts.Fatalf("%s does not end; it said\n%s", args[0], p.output.String())
	}
	if len(args) > 2 {
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(p.output.String()), 0o600))
	}
}

// replace FILE OLD NEW: replaces a text that must be there. \n in NEW is a new line.
func replace(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], strings.ReplaceAll(args[2], `\n`, "\n"))), 0o600))
}

// pasted FILE EDGE: takes from the last output the lines to paste, but for those that would not end, for a gateway at another address.
func pasted(ts *testscript.TestScript, _ bool, args []string) {
	script := "set -e\n"
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		command, indented := strings.CutPrefix(line, "  ")
		if indented && !strings.Contains(line, " serve ") && !strings.Contains(line, " subscribe ") {
			script += strings.ReplaceAll(command, "localhost:8443", args[1])
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs("pasted.sh"), []byte(script), 0o600))
}

// mode OCTAL FILE...: each file has these permissions.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", file, got, args[0])
		}
	}
}

// expire CERTIFICATE KEY: puts a server's pair into the files whose time ended with the first day of 2020.
func expire(ts *testscript.TestScript, _ bool, args []string) {
	issue(ts, "expired.pem", args[0], args[1], authority.Leaf{
		DNS: []string{"localhost"}, Server: true,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC),
	})
}

// device AUTHORITY CERTIFICATE KEY URI: puts a client's certificate for a URI into the files, and the new authority that issued it.
func device(ts *testscript.TestScript, _ bool, args []string) {
	issue(ts, args[0], args[1], args[2], authority.Leaf{URIs: []string{args[3]}, Client: true})
}

func issue(ts *testscript.TestScript, authorities, certificate, key string, leaf authority.Leaf) {
	ca, err := authority.New("tests")
	ts.Check(err)
	pair, err := ca.Issue(leaf)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(authorities), ca.PEM(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(certificate), pair.Certificate, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(key), pair.Key, 0o600))
}
