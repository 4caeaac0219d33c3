package blackbox_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An attacker who knows that their right will end sends the heads of requests, is believed, and keeps the last byte of each body back until it has ended. Nothing of them comes to pass: a revocation counts when it is answered, and so does a changed
// rule.
func TestABodyThatComesAfterTheRightHasEnded(t *testing.T) {
	t.Parallel()
	attacks := map[string]struct{ path, media, body, role string }{
		"publish":        {"/v1/channels/room:1/messages", "application/json", `{"data":1}`, "member"},
		"a batch":        {"/v1/messages/batch", "application/json", `{"messages":[{"channel":"room:1","data":1}]}`, "member"},
		"an event":       {"/v1/events", "application/cloudevents+json", `{"specversion":"1.0","id":"1","source":"/x","type":"x","subject":"room:1","data":1}`, "member"},
		"a revocation":   {"/v1/revocations", "application/json", `{"kind":"user","value":"somebody"}`, "backend"},
		"a subscription": {"/v1/users/somebody/subscribe", "application/json", `{"channel":"room:1"}`, "backend"},
		"questions":      {"/v1/permissions/check", "application/json", `{"checks":[{"action":"publish","channel":"room:1"}]}`, "member"},
	}
	type ending struct {
		end    func(g *gateway, t *testing.T, user string)
		wanted func(name string) (status int, text string)
	}
	for name, how := range map[string]ending{
		"revoked": {
			func(g *gateway, t *testing.T, user string) {
				g.revoke(t, fmt.Sprintf(`{"kind":"user","value":%q,"before":%d}`, user, (now()+10)*1000))
			},
			func(string) (int, string) { return http.StatusUnauthorized, `"unauthorized"` },
		},
		"without the rule": {
			func(g *gateway, t *testing.T, user string) {
				g.edit(t, "tenants/acme.yaml", "rules:\n", fmt.Sprintf("rules:\n  - { name: no %[1]s, deny: [publish], channels: [\"**\"], for: { users: [%[1]q] } }\n  - { name: nor %[1]s, deny: [manage], for: { users: [%[1]q] } }\n", user))
				g.reload(t, "applied")
			},
			func(name string) (int, string) {
				switch name {
				case "a batch":
					return http.StatusOK, `"forbidden"`
				case "questions":
					return http.StatusOK, `"allowed":false`
				}
				return http.StatusForbidden, `"forbidden"`
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, managed)
			user := someone("eve")
			lines, last := make(map[string]*line), make(map[string]string)
			for name, attack := range attacks {
				whole := g.post(attack.path, attack.media, attack.body, bearer(acme.token(user, roles(attack.role))))
				if a := g.asks(t, whole); a.status/100 != 2 {
					t.Errorf("%s: got %d %s, want that it is taken at first", name, a.status, a.body)
				}
				lines[name], last[name] = g.connect(t), whole[len(whole)-1:]
				if _, err := io.WriteString(lines[name], whole[:len(whole)-1]); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(200 * time.Millisecond) // they are believed
			how.end(g, t, user)
			time.Sleep(500 * time.Millisecond)
			for name, l := range lines {
				status, text := how.wanted(name)
				if a := g.tell(t, l, last[name]); a.status != status || !strings.Contains(a.body, text) {
					t.Errorf("%s: got %d %s, want %d %s", name, a.status, a.body, status, text)
				}
			}
		})
	}
}
