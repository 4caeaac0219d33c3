package blackbox_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portcullis/internal/listen/authority"
)

// device is a client certificate of acme's, as its authority can revoke it.
func device(t *testing.T, uri string) *authority.Pair {
	t.Helper()
	pair, err := acme.authority.Issue(authority.Leaf{Client: true, URIs: []string{uri}})
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// revocations is acme's list with this number.
func revocations(t *testing.T, number int64, until time.Time, revoked ...*authority.Pair) []byte {
	t.Helper()
	list, err := acme.authority.List(number, until, revoked...)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// listed starts a gateway whose acme has SPIFFE identities and a revocation list.
func listed(t *testing.T, list []byte) *gateway {
	t.Helper()
	return start(t, options{
		tls: true, listen: "client_certificates: request",
		acme:  tenantOptions{certificates: "authorities_file: listed-ca.pem\nidentity: spiffe\ntrust_domain: acme.example\nrevocation_lists: [acme.crl]"},
		files: map[string][]byte{"listed-ca.pem": acme.authority.PEM(), "acme.crl": list},
	})
}

func TestACertificateIsRevokedWhileItsClientIsConnected(t *testing.T) {
	t.Parallel()
	stolen, kept := device(t, sensor), device(t, "spiffe://acme.example/sensor/2")
	end := time.Now().Add(time.Hour)
	g := listed(t, revocations(t, 1, end))
	put := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(g.folder, "tenants", "acme.crl"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	over := func(p *authority.Pair, headers ...string) func() *answer {
		return func() *answer { return g.handshakeOver(t, trust(p.TLS), headers...) }
	}
	alone, below, other := g.admits(t, over(stolen)), g.admits(t, over(stolen, bearer(acme.token("ana")))), g.admits(t, over(kept))
	token := g.dial(t, acme.token("bob"))
	if got, want := g.metric(t, "portcullis_crl_next_update_timestamp_seconds"), float64(end.Unix()); got != want {
		t.Errorf("the next list is due at %v, want %v", got, want)
	}

	put(revocations(t, 2, end, stolen))
	began := time.Now()
	for _, c := range []*conn{alone, below} {
		if code, reason := c.ended(); code != 4201 || reason != `{"code":"credential_revoked"}` {
			t.Errorf("got %d %s, want 4201 credential_revoked", code, reason)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("they were in for %v, want at most 10s", took)
	}
	revoked := unbelieved("certificate_revoked")
	g.withstandsCertificates(t, []certified{
		{"alone", revoked, stolen.TLS, nil},
		{"beside a good token", revoked, stolen.TLS, []string{bearer(acme.token("ana"))}},
	})

	// A file that somebody is still writing, and one from before, change nothing.
	next := revocations(t, 3, end, stolen, kept)
	put(next[:len(next)/2])
	g.until(t, 1, "portcullis_crl_loads_total", "result", "failed")
	g.logged(t, entry{"event": "crl.failed", "tenant": "acme"})
	put(revocations(t, 1, end))
	g.until(t, 2, "portcullis_crl_loads_total", "result", "failed")
	g.withstandsCertificates(t, []certified{{"after an older list", revoked, stolen.TLS, nil}})
	other.does(`{"type":"publish","id":1,"channel":"telemetry:1","data":1}`)
	token.does(`{"type":"echo","id":1,"channel":"lab:1","data":1}`)
}

// When the next list does not come, nobody knows who was revoked: nobody of that authority is in, and everybody else is.
func TestARevocationListRunsOutWhileClientsAreConnected(t *testing.T) {
	t.Parallel()
	known := device(t, sensor)
	g := listed(t, revocations(t, 1, time.Now().Add(4*time.Second-30*time.Second))) // it counts for 30s more
	c := g.admits(t, func() *answer { return g.handshakeOver(t, trust(known.TLS)) })
	elsewhere := g.admits(t, func() *answer { return g.handshakeOver(t, trust(globex.certificate(t, "sensor/1"))) })
	if code, reason := c.ended(); code != 4201 || reason != `{"code":"credential_revoked"}` {
		t.Errorf("got %d %s, want 4201 credential_revoked", code, reason)
	}
	g.logged(t, entry{"event": "crl.expired", "tenant": "acme"})
	g.withstandsCertificates(t, []certified{{"after it ran out", unavailable("revocation_unknown"), known.TLS, nil}})
	elsewhere.does(`{"type":"publish","id":1,"channel":"telemetry:1","data":1}`)
	g.dial(t, acme.token("ana")).does(`{"type":"echo","id":1,"channel":"lab:1","data":1}`)
}

func TestACertificateWithoutASPIFFEIdentityOfTheTrustDomain(t *testing.T) {
	t.Parallel()
	identity := unbelieved("certificate_identity")
	named := func(uris ...string) tls.Certificate {
		return acme.certificate(t, "x", func(l *authority.Leaf) { l.URIs = uris })
	}
	g := listed(t, revocations(t, 1, time.Now().Add(time.Hour)))
	g.withstandsCertificates(t, []certified{
		{"of another trust domain", identity, named("spiffe://globex.example/sensor/1"), nil},
		{"of a trust domain below ours", identity, named("spiffe://x.acme.example/sensor/1"), nil},
		{"of the trust domain itself", identity, named("spiffe://acme.example"), nil},
		{"of two", identity, named(sensor, "spiffe://acme.example/admin"), nil},
		{"by way of another", identity, named("spiffe://acme.example/admin/../sensor/1"), nil},
		{"with an escaped slash", identity, named("spiffe://acme.example/sensor%2F1"), nil},
		{"with a query", identity, named(sensor + "?admin"), nil},
		{"of another scheme", identity, named("https://acme.example/sensor/1"), nil},
	})
	c := g.admits(t, func() *answer { return g.handshakeOver(t, trust(named(sensor))) })
	if c.welcome["user"] != "cert|"+sensor {
		t.Errorf("got %v, want cert|%s", c.welcome["user"], sensor)
	}
}
