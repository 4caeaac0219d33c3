package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// tenants reads the page that names tenants.
func (g *gateway) tenants(t *testing.T) scrape {
	t.Helper()
	status, body, err := g.ask("/metrics/tenants")
	if err != nil || status != http.StatusOK {
		t.Fatalf("scrape of the tenants: %d, %v", status, err)
	}
	return scrape(body)
}

// wants compares series of the page that names tenants.
func (s scrape) wants(t *testing.T, want float64, name string, labels ...string) {
	t.Helper()
	if got, n := s.sum("portcullis_tenant_"+name, labels...); got != want || n == 0 {
		t.Errorf("%s%q: got %v in %d series, want %v", name, labels, got, n, want)
	}
}

// tenantsOnce reads the page until a series has a value, and wants that it comes: a client may have its welcome before the gateway has counted it.
func (g *gateway) tenantsOnce(t *testing.T, want float64, name string, labels ...string) scrape {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		page := g.tenants(t)
		if got, n := page.sum("portcullis_tenant_"+name, labels...); got == want && n > 0 || time.Now().After(end) {
			page.wants(t, want, name, labels...)
			return page
		}
	}
}

// A limit is visible before it bites: in the page that names tenants, without a name in the one that does not, and in the log, with what to do. The other tenant's numbers do not move.
func TestALimitIsVisibleBeforeItBites(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{limits: "connections: 5"}})
	for i := range 3 {
		g.dial(t, acme.token(fmt.Sprint("user", i)))
	}
	carol := g.dial(t, globex.token("carol"))
	if _, told := g.find(entry{"event": "tenant.limit_near"}); told {
		t.Error("60 % of a limit are told of")
	}
	g.dial(t, acme.token("user3"))
	line := g.logged(t, entry{"event": "tenant.limit_near", "tenant": "acme", "limit": "connections"})
	if !line.has(entry{"used": 4.0, "most": 5.0, "level": "WARN"}) || !strings.Contains(fmt.Sprint(line["remedy"]), "raise limits.connections of the tenant") {
		t.Errorf("got %v, want 4 of 5 and the remedy", line)
	}
	page := g.tenants(t)
	page.wants(t, 4, "used", "tenant", "acme", "limit", "connections")
	page.wants(t, 5, "limit", "tenant", "acme", "limit", "connections")
	page.wants(t, 1, "used", "tenant", "globex", "limit", "connections")
	page.wants(t, 0, "limit_refusals_total", "tenant", "acme")
	g.until(t, 1, "portcullis_tenants_near_limit", "limit", "connections")

	g.dial(t, acme.token("user4"))
	g.refuses(t, refusal{http.StatusTooManyRequests, "quota_exceeded", "connection_limit_tenant"}, func() *answer { return g.handshake(t, bearer(acme.token("user5"))) })
	line = g.logged(t, entry{"event": "tenant.limit_reached", "tenant": "acme", "limit": "connections"})
	if !line.has(entry{"used": 5.0, "most": 5.0, "refused": 1.0}) {
		t.Errorf("got %v, want 5 of 5 and one refusal", line)
	}
	g.until(t, 1, "portcullis_limit_refusals_total", "limit", "connections")
	page = g.tenants(t)
	page.wants(t, 1, "limit_refusals_total", "tenant", "acme", "limit", "connections")
	page.wants(t, 1, "handshakes_total", "tenant", "acme", "result", "rejected", "fault", "client")
	page.wants(t, 5, "handshakes_total", "tenant", "acme", "result", "accepted")
	page.wants(t, 0, "limit_refusals_total", "tenant", "globex")
	carol.lives(t)
}

// What the tenants' page counts of all tenants is what /metrics counts of the node, and neither has a name of the other's.
func TestTheTenantsAddUpToTheNode(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	member := roles("member")
	ana, bob := g.dial(t, acme.token("ana", member)), g.dial(t, acme.token("bob", member))
	carol := g.dial(t, globex.token("carol", member))
	for i, c := range []*conn{ana, bob, carol} {
		c.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
		c.mayNot("forbidden", `{"type":"publish","id":2,"channel":"ops:%d","data":1}`, i)
	}
	ana.say(`{"type":"publish","channel":"room:1","data":1}`)
	for _, c := range []*conn{ana, bob} {
		if got := c.hear(); got["type"] != "message" {
			t.Fatalf("got %v, want the message", got)
		}
	}
	bob.say(`{"type":"refresh","id":3,"token":%q}`, acme.token("bob")) // no member any more: the room is lost
	for range 2 {
		bob.hear()
	}
	g.until(t, 3+3+3+2+2, "portcullis_messages_sent_total") // welcomes, oks, errors, what two heard, and a refresh: an answer is counted behind its client's back
	page, node := g.tenants(t), g.scrape(t)
	for _, same := range []struct{ tenants, node []string }{
		{[]string{"used", "limit", "connections"}, []string{"connections"}},
		{[]string{"used", "limit", "subscriptions"}, []string{"subscriptions"}},
		{[]string{"used", "limit", "channels"}, []string{"channels"}},
		{[]string{"messages_total", "direction", "received"}, []string{"messages_received_total"}},
		{[]string{"messages_total", "direction", "sent"}, []string{"messages_sent_total"}},
		{[]string{"bytes_total", "direction", "received"}, []string{"received_bytes_total"}},
		{[]string{"bytes_total", "direction", "sent"}, []string{"sent_bytes_total"}},
		{[]string{"acl_denials_total", "action", "publish"}, []string{"acl_decisions_total", "action", "publish", "decision", "deny"}},
		{[]string{"handshakes_total", "result", "accepted"}, []string{"handshakes_total", "result", "accepted"}},
	} {
		want, _ := node.sum("portcullis_"+same.node[0], same.node[1:]...)
		if want == 0 {
			t.Errorf("%s: nothing happened", same.node)
		}
		page.wants(t, want, same.tenants[0], same.tenants[1:]...)
	}
	page.wants(t, 1, "used", "tenant", "acme", "limit", "subscriptions")
	page.wants(t, 2, "acl_denials_total", "tenant", "acme", "action", "publish")
	page.wants(t, 1, "acl_denials_total", "tenant", "globex", "action", "publish")
	if _, there := node.sum("portcullis_tenant_used"); there > 0 || strings.Contains(string(node), `tenant="`) {
		t.Error("/metrics names tenants")
	}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "portcullis_tenant_") {
			t.Errorf("the tenants' page has the line %s", line)
		}
	}
}

// A tenant whose file is gone is gone from the page, and one that came is there.
func TestARemovedTenantHasNoSeries(t *testing.T) {
	t.Parallel()
	g := start(t, options{})
	if _, there := g.tenants(t).sum("portcullis_tenant_used", "tenant", "globex"); there == 0 {
		t.Fatal("globex has no series")
	}
	g.remove(t, "tenants/globex.yaml")
	g.reload(t, "applied")
	page := g.tenants(t)
	if _, there := page.sum("portcullis_tenant_used", "tenant", "globex"); there > 0 || strings.Contains(string(page), `"globex"`) {
		t.Error("globex is gone, and its series are not")
	}
	page.wants(t, 0, "used", "tenant", "acme", "limit", "connections")
}

// Who may be read about is asked as for /metrics, and the clients' listener knows of neither.
func TestTheTenantsPageIsForAdministrators(t *testing.T) {
	t.Parallel()
	token := secret("an-administrators-token-4711")
	g := start(t, options{adminToken: token, metrics: "tenants: 1"})
	get := func(headers ...string) *answer {
		return g.knock(t, "GET /metrics/tenants HTTP/1.1\r\n"+head(append(headers, "Host: "+g.admin, "Connection: close")...))
	}
	for name, headers := range map[string][]string{"none": nil, "another": {bearer("an-administrators-token-4712")}, "a client's": {bearer(acme.token("ana", roles("operator")))}} {
		if a := get(headers...); a.status != http.StatusUnauthorized || strings.Contains(a.body, "acme") {
			t.Errorf("%s: got %d %s, want 401", name, a.status, tail(a.body, 200))
		}
	}
	if a := g.tell(t, g.connect(t), g.get("/metrics/tenants", bearer(token))); a.status != http.StatusNotFound {
		t.Errorf("on the clients' listener: got %d, want 404", a.status)
	}
	// One tenant is named, whoever does something first; the other stands in _other, and is told of once.
	g.dial(t, globex.token("carol"))
	page := g.tenantsOnce(t, 1, "used", "tenant", "globex", "limit", "connections")
	before, _ := page.sum("portcullis_tenant_handshakes_total", "tenant", "_other", "result", "accepted") // what happens before a tenant is named stays there
	g.dial(t, acme.token("ana"))
	page = g.tenantsOnce(t, before+1, "handshakes_total", "tenant", "_other", "result", "accepted")
	page.wants(t, 1, "used", "tenant", "globex", "limit", "connections")
	page.wants(t, 1, "used", "tenant", "_other", "limit", "connections")
	if strings.Contains(string(page), "acme") {
		t.Error("two tenants are named, where one may be")
	}
	g.until(t, 1, "portcullis_metric_label_overflow_total")
}
