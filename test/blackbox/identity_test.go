package blackbox_test

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// managed is a gateway on which everything can happen to an identity: backends of both tenants revoke, and identity services report to both.
var managed = options{acme: acme.managed(), globex: globex.managed()}

func (p *party) managed() tenantOptions {
	return tenantOptions{
		rules: "- { name: backends manage, allow: [manage], for: { roles: [backend] } }",
		issuers: fmt.Sprintf(`- { issuer: %q, audience: reports-%[2]s, jwks_file: %[2]s-jwks.json, leeway: 1s, logout_audience: client-%[2]s, events_audience: events-%[2]s }
- { issuer: %q, audience: reports-%[2]s, jwks_file: broker-jwks.json, leeway: 1s, prefix: "broker|", logout_audience: client-%[2]s, events_audience: events-%[2]s }`,
			p.issuer.URL, p.id, broker.URL),
	}
}

// identities is the managed gateway that tests share. What they revoke on it is theirs alone: a token's id, a user, a session.
func identities(t *testing.T) *gateway { return share(t, "identities", managed) }

// identitiesTLS is the managed gateway that asks for certificates.
func identitiesTLS(t *testing.T) *gateway {
	o := managed
	o.tls, o.listen = true, "client_certificates: request"
	return share(t, "identities-tls", o)
}

// post is a POST of a body of this media type; none is sent where it is empty.
func (g *gateway) post(path, media, body string, headers ...string) string {
	lines := append([]string{"Host: " + g.address, "Content-Length: " + strconv.Itoa(len(body))}, headers...)
	if media != "" {
		lines = append(lines, "Content-Type: "+media)
	}
	return "POST " + path + " HTTP/1.1\r\n" + head(lines...) + body
}

// asks sends a request on a line of its own.
func (g *gateway) asks(t *testing.T, raw string) *answer {
	t.Helper()
	return g.tell(t, g.connect(t), raw)
}

// denies wants a request of the API to be refused: with this status and code, one step of the metric, and one line in the log that tells the operator why.
func (g *gateway) denies(t *testing.T, purpose string, want refusal, try func() *answer) *answer {
	t.Helper()
	g.pace()
	counted := g.mark(t, "portcullis_api_requests_total", "purpose", purpose, "result", "rejected", "reason", want.reason)
	a := try()
	p, err := a.problem()
	if err != nil {
		t.Fatal(err)
	}
	if a.status != want.status || p.Status != want.status || p.Code != want.code {
		t.Fatalf("got %d %s, want %d %s", a.status, a.body, want.status, want.code)
	}
	instance, ok := strings.CutPrefix(p.Instance, "urn:portcullis:"+purpose+":")
	if !ok {
		t.Fatalf("got instance %q, want one of %s", p.Instance, purpose)
	}
	said := g.logged(t, entry{"event": purpose + ".refused", purpose: instance})
	if !said.has(entry{"reason": want.reason, "status": want.status}) {
		t.Errorf("the log has %v, want the reason %s and the status %d", said, want.reason, want.status)
	}
	a.checkSilence(t, p, said)
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("got Cache-Control %q, want no-store", got)
	}
	counted.moved(t, 1)
	return a
}

// into reads an answer's JSON.
func (a *answer) into(document any) error { return json.Unmarshal([]byte(a.body), document) }

// administer asks the admin listener to change something.
func (g *gateway) administer(t *testing.T, method, path, body string) *answer {
	t.Helper()
	return g.knock(t, method+" "+path+" HTTP/1.1\r\n"+head("Host: "+g.admin, "Connection: close", "Content-Type: application/json",
		"Content-Length: "+strconv.Itoa(len(body)))+body)
}

// suspend shuts a tenant out; resume lets it in again.
func (g *gateway) suspend(t *testing.T, p *party) { t.Helper(); g.operate(t, p, "suspend") }
func (g *gateway) resume(t *testing.T, p *party)  { t.Helper(); g.operate(t, p, "resume") }

func (g *gateway) operate(t *testing.T, p *party, verb string) {
	t.Helper()
	if a := g.administer(t, http.MethodPost, "/admin/v1/tenants/"+p.id+"/"+verb, ""); a.status != http.StatusOK {
		t.Fatalf("%s %s: got %d %s, want 200", verb, p.id, a.status, a.body)
	}
}

// The ends of sessions whose right is over, as their clients are told.
const (
	revokedReason = `{"code":"credential_revoked"}`
	expiredReason = `{"code":"credential_expired"}`
)

// fingerprint is a certificate as revocations name it, boundTo the claim that binds a token to it (RFC 8705, section 3.1).
func fingerprint(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:])
}

func boundTo(c tls.Certificate) claims {
	sum := sha256.Sum256(c.Certificate[0])
	return claims{"cnf": claims{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}}
}

// someone is a user, or a name for something, that no other test has.
func someone(name string) string { return name + "-" + rand.Text()[:8] }

// lives wants a connection still to serve its client.
func (c *conn) lives(t *testing.T) {
	t.Helper()
	c.does(`{"type":"echo","id":9001,"channel":"lab:rtt","data":"still here"}`)
}
