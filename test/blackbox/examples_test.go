package blackbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"portcullis/internal/contract"
)

// newcomer is a gateway whose rooms are as the documents and pages speak of them: they keep what was said and who is there, and members may do all of it.
func newcomer(t *testing.T) *gateway {
	t.Helper()
	return start(t, options{acme: tenantOptions{
		more: "channels:\n- { match: \"room:sealed\", encryption: required }\n- { match: \"room:*\", history: { messages: 100, ttl: 10m }, presence: true }\n- { match: \"user:*:inbox\", history: { messages: 100 } }\nsubscribe:\n- { channels: [\"user:{user}:inbox\"] }\n",
		rules: `
- { name: members read and see, allow: [history, presence], channels: ["room:*"], for: { roles: [member] } }
- { name: services manage, allow: [manage], for: { scopes: ["portcullis:manage"] } }
`,
		issuers: fmt.Sprintf("- { issuer: %q, audience: portcullis-acme, jwks_file: guests-jwks.json, leeway: 1s, prefix: \"guest|\", presence_claim: /profile/public }", guests.URL),
	}, files: map[string][]byte{"guests-jwks.json": guests.JWKS()}})
}

// Every request that api/asyncapi.yaml shows is sent as it stands there, on a connection of its own, and served. What is answered is held against the document, like every frame.
func TestEveryRequestThatTheDocumentOfTheWireShows(t *testing.T) {
	t.Parallel()
	g := newcomer(t)
	sent := 0
	for _, verb := range wired().Verbs() {
		examples := wired().Examples(verb)
		if len(examples) == 0 {
			t.Errorf("%s has no example", verb)
		}
		for _, request := range examples {
			sent++
			t.Run(string(request), func(t *testing.T) {
				token := acme.token("ana", roles("member"))
				c := g.dial(t, token)
				if verb == "unsubscribe" {
					c.does(`{"type":"subscribe","id":99,"channel":"room:1"}`)
				}
				text := strings.ReplaceAll(string(request), "eyJ...", token)
				c.say("%s", text)
				c.say(`{"type":"ping","id":100}`)
				want, got := "ok", c.hear()
				switch {
				case strings.Contains(text, `"strict":true`): // of a position that is somebody else's
					want = "unrecoverable"
				case !strings.Contains(text, `"id":`):
					want = "ok"
					if got["id"] != 100.0 {
						t.Errorf("got %v, want nothing: it has no id", got)
					}
				}
				if got["type"] != want && got["code"] != want {
					t.Errorf("got %v, want %s", got, want)
				}
			})
		}
	}
	if sent < 15 {
		t.Errorf("the document has %d requests that can be sent, want 15", sent)
	}
}

// asker is how a test sends what api/openapi.yaml shows of one operation: by whom, and with what instead of what no document can know.
type asker struct {
	token  string
	status int
}

// Every body that api/openapi.yaml shows for a request is sent as it stands there, and taken. The answer is held against the document, like every answer.
func TestEveryRequestThatTheDocumentOfHTTPShows(t *testing.T) {
	t.Parallel()
	g := newcomer(t)
	member, service := acme.token("ana", roles("member")), acme.token("svc-billing", claims{"scope": "portcullis:manage"})
	of := map[string]asker{
		"POST /v1/permissions/check":                    {token: member, status: 200},
		"POST /v1/channels/{channel}/messages":          {token: member, status: 201},
		"POST /v1/messages/batch":                       {token: member, status: 200},
		"POST /v1/events":                               {token: member, status: 201},
		"POST /v1/revocations":                          {token: service, status: 201},
		"POST /v1/connections/{connection}/unsubscribe": {token: service, status: 204},
		"POST /v1/connections/{connection}/subscribe":   {token: service, status: 200},
		"POST /v1/users/{user}/subscribe":               {token: service, status: 200},
		// What an identity service signs stands in no document: these are sent with what one sends here.
		"POST /v1/logout":          {status: 400},
		"POST /v1/security-events": {status: 400},
	}
	document, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	for _, ask := range document.Requests() {
		shown[ask.Operation] = true
		by, known := of[ask.Operation]
		if !known {
			t.Errorf("%s has an example that this test does not know how to send", ask.Operation)
			continue
		}
		t.Run(ask.Operation+" "+ask.Media, func(t *testing.T) {
			victim := g.dial(t, acme.token("bob", roles("member")))
			victim.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
			_, path, _ := strings.Cut(ask.Operation, " ")
			path = strings.NewReplacer("{channel}", "room:1", "{connection}", victim.id(), "{user}", "bob").Replace(path)
			status := by.status
			if strings.HasSuffix(ask.Media, "-batch+json") {
				status = 200
			}
			var headers []string
			if by.token != "" {
				headers = append(headers, bearer(by.token))
			}
			a := g.asks(t, g.post(path, ask.Media, encoded(t, ask), headers...))
			if a.status != status {
				t.Errorf("got %d %s, want %d", a.status, a.body, status)
			}
			if strings.Contains(a.body, `"problem"`) && !strings.Contains(encoded(t, ask), "news:today") {
				t.Errorf("got %s, want nothing refused", a.body)
			}
		})
	}
	for operation := range of {
		if !shown[operation] {
			t.Errorf("%s has no example", operation)
		}
	}
}

// encoded is an example as its media type has it.
func encoded(t *testing.T, ask contract.Asked) string {
	t.Helper()
	switch {
	case strings.HasSuffix(ask.Media, "json"):
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(ask.Value); err != nil {
			t.Fatal(err)
		}
		return b.String()
	case ask.Media == "application/x-www-form-urlencoded":
		form := url.Values{}
		for name, value := range ask.Value.(map[string]any) {
			form.Set(name, fmt.Sprint(value))
		}
		return form.Encode()
	}
	return fmt.Sprint(ask.Value)
}

// A body whose Content-Type says another charset is refused: somebody in between who believes it reads another text than the gateway.
func TestABodyOfAnotherCharset(t *testing.T) {
	t.Parallel()
	g := newcomer(t)
	member, service := acme.token("ana", roles("member")), acme.token("svc-billing", claims{"scope": "portcullis:manage"})
	for path, body := range map[string][2]string{
		"/v1/channels/room:1/messages": {member, `{"data":1}`},
		"/v1/messages/batch":           {member, `{"messages":[{"channel":"room:1","data":1}]}`},
		"/v1/permissions/check":        {member, `{"checks":[{"action":"manage"}]}`},
		"/v1/revocations":              {service, `{"kind":"user","value":"nobody"}`},
	} {
		for charset, status := range map[string]int{"utf-16": 415, "UTF-16LE": 415, "iso-8859-1": 415, "utf-7": 415, "utf8": 415, `"utf-16"`: 415, "utf-8": 200, `"UTF-8"`: 200} {
			a := g.asks(t, g.post(path, "application/json; charset="+charset, body[1], bearer(body[0])))
			if a.status != status && (status != 200 || a.status != 201) {
				t.Errorf("%s with charset %s: got %d %s, want %d", path, charset, a.status, a.body, status)
			}
		}
	}
}
