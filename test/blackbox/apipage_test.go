package blackbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"strconv"
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

// command is one of the page's, which a reader pastes into a shell, and what the page says is answered, if anything.
type command struct {
	words  []string
	answer string
}

// commands are those of a page that send something: edge to the clients' listener, curl to the administrators'. The names that the shell puts in are those of the reader.
func commands(page string, names map[string]string) (all []command) {
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```\n(?:\n```json\n(.*?)```)?").FindAllStringSubmatch(page, -1) {
		text := strings.ReplaceAll(block[1], "\\\n", " ")
		sent := false
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "edge ") && !strings.HasPrefix(line, "curl ") {
				continue
			}
			var c command
			for _, w := range regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s]+`).FindAllString(line, -1) {
				if !strings.HasPrefix(w, "'") {
					w = os.Expand(w, func(name string) string { return names[name] })
				}
				c.words = append(c.words, strings.Trim(w, `'"`))
			}
			all, sent = append(all, c), true
		}
		if sent { // the answer is that of the last
			all[len(all)-1].answer = block[2]
		}
	}
	return all
}

// raw is the command as a request.
func (c command) raw(t *testing.T, g *gateway, host string) string {
	t.Helper()
	method, path, body, headers := "", "", "", []string(nil)
	for i := 1; i < len(c.words); i++ {
		value := ""
		if i+1 < len(c.words) {
			value = c.words[i+1]
		}
		switch w := c.words[i]; w {
		case "-s", "-i":
			continue
		case "-X":
			method = value
		case "-H":
			headers = append(headers, value)
		case "-d":
			body = value
		case "--data-urlencode":
			name, text, _ := strings.Cut(value, "=")
			body = url.Values{name: {text}}.Encode()
			headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
		default:
			if strings.HasPrefix(w, "-") {
				t.Fatalf("%v: this test does not know %s", c.words, w)
			}
			_, path, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(w, "https://"), "http://"), "/")
			continue
		}
		i++
	}
	if method == "" {
		method = map[bool]string{true: "POST", false: "GET"}[body != ""]
	}
	headers = append(headers, "Host: "+host, "Connection: close", "Content-Length: "+strconv.Itoa(len(body)))
	return method + " /" + path + " HTTP/1.1\r\n" + head(headers...) + body
}

// What the page of the HTTP API says to send is sent as it stands there, from its top to its end, and what it says is answered has the same members.
func TestThePageOfTheHTTPAPI(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	settings := regexp.MustCompile("(?s)```yaml\n(channels:.*?)rules:\n(.*?)```").FindStringSubmatch(page)
	if settings == nil {
		t.Fatal("the page has no settings")
	}
	g := start(t, options{acme: tenantOptions{
		more: settings[1],
		rules: strings.ReplaceAll("\n"+settings[2], "\n  - ", "\n- ") + `
- { name: operators look after the tenant, allow: [manage], for: { roles: [operator] } }
- { name: so do its services, allow: [manage], for: { scopes: ["portcullis:manage"] } }
`,
		issuers: fmt.Sprintf("- { issuer: %q, audience: portcullis-acme, logout_audience: acme-web, jwks_file: guests-jwks.json, leeway: 1s, prefix: \"guest|\" }", guests.URL),
	}, files: map[string][]byte{"guests-jwks.json": guests.JWKS()}})
	connected := g.dial(t, acme.token("carol", roles("member"))) // whom the page revokes nothing of
	connected.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	g.dial(t, acme.token("dave", roles("member"))).does(`{"type":"subscribe","id":1,"channel":"room:2"}`)
	names := map[string]string{
		"TOKEN":    acme.token("alice", roles("member"), claims{"sid": "s1"}),
		"OPERATOR": acme.token("olga", roles("operator")),
		"SERVICE":  acme.token("svc-backend", claims{"scope": "portcullis:manage"}),
		"ID":       connected.id(),
		"LOGOUT": guests.Sign(claims{"typ": "logout+jwt"}, claims{"iss": guests.URL, "aud": "acme-web", "sub": "alice", "sid": "s1", "jti": someone("logout"), "iat": now(), "exp": now() + 120,
			"events": claims{logoutEvent: claims{}}}),
		"ADMIN": "http://" + g.admin + "/admin/v1",
		"JSON":  "Content-Type: application/json",
	}
	sent := 0
	for _, c := range commands(page, names) {
		line := strings.Join(c.words, " ")
		if strings.Contains(line, "@event.jwt") { // which a transmitter signs
			continue
		}
		sent++
		var a *answer
		if c.words[0] == "curl" {
			a = g.knock(t, c.raw(t, g, g.admin))
		} else {
			a = g.asks(t, c.raw(t, g, g.address))
		}
		if a.status >= 400 && !strings.Contains(c.answer, "invalid_request") {
			t.Errorf("%s: got %d %s", tail(line, 200), a.status, a.body)
		} else if c.answer != "" && a.status < 400 && !likeThePage(t, a.body, c.answer) {
			t.Errorf("%s: got %s, the page says %s", tail(line, 200), a.body, c.answer)
		}
	}
	if sent < 20 {
		t.Errorf("the page has %d examples that can be sent, want 20", sent)
	}
}

// Whoever reads the page from its top has given each name a value before a line uses it, and keeps the credentials of the gateway that was chosen at the top.
func TestThePageOfTheHTTPAPISaysWhatItsNamesAre(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	top, rest, _ := strings.Cut(string(text), "\n| path |")
	gives := regexp.MustCompile("(?m)^([A-Z]+)=")
	known := make(map[string]bool)
	for _, given := range gives.FindAllStringSubmatch(top, -1) {
		known[given[1]] = true
	}
	chosen := maps.Clone(known)
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(rest, -1) {
		for line := range strings.Lines(block[1]) {
			for _, used := range regexp.MustCompile(`\$([A-Z]+)`).FindAllStringSubmatch(line, -1) {
				if !known[used[1]] {
					t.Errorf("nothing above says what %s is: %s", used[1], line)
				}
			}
			if given := gives.FindStringSubmatch(line); given != nil {
				if chosen[given[1]] {
					t.Errorf("got another %s, which one of the gateways at the top does not believe: %s", given[1], line)
				}
				known[given[1]] = true
			}
		}
	}
	if !known["TOKEN"] || !known["SERVICE"] || !known["ID"] {
		t.Errorf("got %v, want TOKEN, SERVICE and ID among them", known)
	}
}

// likeThePage compares the members of an answer with those that the page shows. Of a list one entry is like the others.
func likeThePage(t *testing.T, got, page string) bool {
	t.Helper()
	return shape(t, got) == shape(t, page)
}
