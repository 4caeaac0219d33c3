package blackbox_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An attacker begins very many requests over HTTP and leaves them there, from as many addresses: bodies of which the last byte does not come, and long answers that nobody reads. What they hold of the node's memory is bounded for the
// tenant; the newcomer is told so, another tenant does not notice, and when they are gone all is as it was.
func TestAnAttackerHoldsRequestsOverHTTP(t *testing.T) {
	t.Parallel()
	const many = 100
	rules := `- { name: members read, allow: [history], channels: ["room:kept:**"], for: { roles: [member] } }`
	o := tenantOptions{limits: noRates, rules: rules, more: keeping}
	for name, attack := range map[string]func(g *gateway, token string) string{
		"bodies that do not come": func(g *gateway, token string) string {
			whole := g.post("/v1/messages/batch", "application/json", strings.Repeat(" ", 1<<20), bearer(token))
			return whole[:len(whole)-1]
		},
		"answers that nobody reads": func(g *gateway, token string) string {
			return g.get("/v1/channels/room:kept:long/messages?limit=1000", bearer(token))
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, options{acme: o, globex: o})
			token, other := acme.token("eve", roles("member")), globex.token("ana", roles("member"))
			for range 8 {
				g.taken(t, g.publication(token, "room:kept:long", `{"data":"`+strings.Repeat("x", 60<<10)+`"}`))
			}
			before := g.resident(t)
			var held []net.Conn
			for range many {
				l := g.narrowLine(t)
				l.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)) // where it is refused nobody reads the rest
				_, _ = io.WriteString(l, attack(g, token))
				held = append(held, l)
			}
			time.Sleep(300 * time.Millisecond)
			t.Logf("%d requests take %d MiB", many, (g.resident(t)-before)>>20)
			small := func(token string) *answer { return g.asks(t, g.publication(token, "room:1", `{"data":1}`)) }
			long := func(token string) *answer {
				return g.asks(t, g.post("/v1/messages/batch", "application/json", `{"messages":[{"channel":"room:1","data":1}]}`+strings.Repeat(" ", 1<<20-100), bearer(token)))
			}
			if a := long(token); a.status != http.StatusTooManyRequests || !strings.Contains(a.body, "quota_exceeded") || a.header.Get("Retry-After") == "" {
				t.Errorf("one more: got %d %s, want 429 quota_exceeded", a.status, a.body)
			}
			if a := small(other); a.status != http.StatusCreated {
				t.Errorf("another tenant: got %d %s, want 201", a.status, a.body)
			}
			if a := long(other); a.status != http.StatusOK {
				t.Errorf("another tenant's long one: got %d %s, want 200", a.status, a.body)
			}
			for _, c := range held {
				c.Close()
			}
			for end := time.Now().Add(patience); long(token).status != http.StatusOK; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("nothing was given back")
				}
			}
		})
	}
}
