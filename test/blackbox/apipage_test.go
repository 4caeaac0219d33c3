package blackbox_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// shape is the names in a JSON text, and what they hold, without values.
func shape(t *testing.T, text string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for name := range v {
				if name != "data" {
					v[name] = walk(v[name])
				}
			}
			return v
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
			return v
		}
		return ""
	}
	return mustJSON(walk(v))
}

// What the page of the HTTP API says to send about channels is sent as it stands there, and what it says is answered has the same members.
func TestThePageOfChannels(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(root + "/docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Channels\n")
	section, _, _ = strings.Cut(section, "\n## ")
	settings := regexp.MustCompile("(?s)```yaml\n(channels:.*?)rules:\n(.*?)```").FindStringSubmatch(section)
	if settings == nil {
		t.Fatal("the page has no settings")
	}
	g := start(t, options{acme: tenantOptions{more: settings[1], rules: strings.ReplaceAll("\n"+settings[2], "\n  - ", "\n- ")}})
	token := acme.token("alice", roles("member"))
	examples := regexp.MustCompile("(?s)```sh\nedge (.*?)```\n(?:\n```json\n(.*?)```)?").FindAllStringSubmatch(section, -1)
	for _, example := range examples {
		words := regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s\\]+`).FindAllString(example[1], -1)
		for i, w := range words {
			words[i] = strings.Trim(w, `'"`)
		}
		method, body, headers := "GET", "", []string{bearer(token)}
		path := strings.TrimPrefix(words[0], "https://localhost:8443")
		for i := 1; i+1 < len(words); i += 2 {
			switch value := words[i+1]; {
			case words[i] == "-d":
				method, body = "POST", value
			case words[i] == "-H" && !strings.HasPrefix(value, "Authorization"):
				headers = append(headers, value)
			case words[i] != "-H":
				t.Fatalf("%s: this test does not know %s", path, words[i])
			}
		}
		a := g.asks(t, strings.Replace(g.post(path, "", body, headers...), "POST", method, 1))
		if a.status >= 400 {
			t.Errorf("%s %s: got %d %s", path, body, a.status, a.body)
		}
		if example[2] != "" && shape(t, a.body) != shape(t, example[2]) {
			t.Errorf("%s: got %s, the page says %s", path, a.body, example[2])
		}
	}
	if sent := len(examples); sent < 4 {
		t.Errorf("the page has %d examples that can be sent, want 4", sent)
	}
}
