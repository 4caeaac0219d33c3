package blackbox_test

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// block is the first block of a language on the page about webhooks.
func block(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "```"+language+"\n")
	text, _, closed := strings.Cut(text, "```\n")
	if !ok || !closed {
		t.Fatalf("docs/webhooks.md has no block of %s", language)
	}
	return text
}

// The receivers of docs/webhooks.md do what a newcomer wants of them, as they stand there: what the gateway says is believed, and what anybody else says is not.
func TestTheReceiversOfTheManual(t *testing.T) {
	t.Parallel()
	for language, run := range map[string]func(t *testing.T, file string) *exec.Cmd{
		"go": func(t *testing.T, file string) *exec.Cmd {
			binary := strings.TrimSuffix(file, ".go")
			if out, err := exec.Command("go", "build", "-o", binary, file).CombinedOutput(); err != nil {
				t.Fatalf("go build: %v\n%s", err, out)
			}
			return exec.Command(binary)
		},
		"js": func(t *testing.T, file string) *exec.Cmd {
			if _, err := exec.LookPath("node"); err != nil {
				missing(t, "node is not installed: install node.js")
			}
			return exec.Command("node", file)
		},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			v := receive(t, acme, false) // for its secret
			address := free(t)
			_, port, _ := strings.Cut(address, ":")
			file := filepath.Join(t.TempDir(), "receiver."+language)
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(block(t, language), "9000", port)), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := run(t, file)
			cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+strings.TrimSpace(string(v.secret())))
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				cmd.Process.Kill()
				cmd.Wait()
			})
			g := start(t, options{
				acme:  tenantOptions{more: "webhooks:\n  - { url: \"http://" + address + "/portcullis\", events: [" + everyEvent + "], secret_file: hook }\n"},
				files: map[string][]byte{"hook": v.secret()},
			})
			c := g.dial(t, acme.token("ana", roles("member")))
			c.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
			id := c.welcome["connection"].(string)
			want := []string{"portcullis.connection.opened " + id, "portcullis.channel.occupied room:1", "portcullis.subscription.started room:1"}
			lines := bufio.NewScanner(out)
			for len(want) > 0 && lines.Scan() {
				if !strings.HasPrefix(lines.Text(), want[0]) {
					t.Errorf("it printed %s, want %s", lines.Text(), want[0])
				}
				want = want[1:]
			}
			if len(want) > 0 {
				t.Errorf("it did not print %q", want)
			}
			answer, err := http.Post("http://"+address+"/portcullis", "application/cloudevents-batch+json", strings.NewReader("[]"))
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			forged, _ := http.NewRequest(http.MethodPost, "http://"+address+"/portcullis", strings.NewReader("[]"))
			forged.Header = http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {time.Now().Format("20060102")}, "Webhook-Signature": {"v1,AAAA v1, "}}
			second, err := client.Do(forged)
			if err != nil {
				t.Fatal(err)
			}
			second.Body.Close()
			if answer.StatusCode != http.StatusUnauthorized || second.StatusCode != http.StatusUnauthorized {
				t.Errorf("what nobody signed is answered %d and %d, want 401", answer.StatusCode, second.StatusCode)
			}
		})
	}
}
