package blackbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"portcullis/internal/listen/authority"
)

const sensor = "spiffe://acme.example/sensor/1"

// certified is an attempt with a certificate, and header lines behind a good handshake's.
type certified struct {
	name        string
	want        refusal
	certificate tls.Certificate
	headers     []string
}

func (g *gateway) withstandsCertificates(t *testing.T, attacks []certified) {
	t.Helper()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			g.refuses(t, a.want, func() *answer { return g.handshakeOver(t, trust(a.certificate), a.headers...) })
		})
	}
}

func TestACertificateIsLetIn(t *testing.T) {
	g := secure(t)
	below := acme.strange.below(t, "acme's second floor", time.Now().Add(time.Hour))
	for _, a := range []struct {
		name         string
		certificate  tls.Certificate
		tenant, user string
	}{
		{"of acme's authority", acme.certificate(t, "sensor/1"), "acme", "cert|" + sensor},
		{"of globex's, with the same words", issue(t, globex.authority, sensor), "globex", "cert|" + sensor},
		{"of an authority below acme's", below.sign(t, clientTemplate(sensor)), "acme", "cert|" + sensor},
		{"for anything", acme.strange.sign(t, anyPurpose(clientTemplate(sensor))), "acme", "cert|" + sensor},
	} {
		t.Run(a.name, func(t *testing.T) {
			c := g.admits(t, func() *answer { return g.handshakeOver(t, trust(a.certificate)) })
			if c.welcome["tenant"] != a.tenant || c.welcome["user"] != a.user {
				t.Errorf("got %v, want %s of %s", c.welcome, a.user, a.tenant)
			}
			c.does(`{"type":"publish","id":1,"channel":"telemetry:1","data":%q}`, secret("degrees of the sensor"))
		})
	}
}

func anyPurpose(c *x509.Certificate) *x509.Certificate {
	c.ExtKeyUsage = nil
	return c
}

func TestACertificateThatNoTenantTrusts(t *testing.T) {
	untrusted := unbelieved("certificate_untrusted")
	secure(t).withstandsCertificates(t, []certified{
		{"of an unknown authority", untrusted, issue(t, strangers, sensor), nil},
		{"of the gateway's own authority", untrusted, issue(t, house, sensor), nil},
		{"signed by itself", untrusted, selfSigned(t, clientTemplate(sensor)), nil},
		{"of an authority with acme's name", untrusted, newCertifier("acme clients").sign(t, clientTemplate(sensor)), nil},
		{"of an authority with acme's name and key id", untrusted, acme.strange.imitated().sign(t, clientTemplate(sensor)), nil},
		{"of an authority below one that has expired", unbelieved("certificate_expired"),
			acme.strange.below(t, "old", time.Now().Add(-time.Minute)).sign(t, clientTemplate(sensor)), nil},
		{"of a client's certificate", untrusted, childOf(t, acme.strange), nil},
		{"with globex's authority behind it", untrusted, behind(acme.strange.sign(t, clientTemplate(sensor)),
			globex.strange.below(t, "globex's second floor", time.Now().Add(time.Hour)).chain...), nil},
	})
}

// imitated has c's name and key id, and another key.
func (c *certifier) imitated() *certifier {
	fake := newCertifier("")
	template := authorityTemplate("", time.Now().Add(time.Hour))
	template.Subject, template.SubjectKeyId = c.certificate.Subject, c.certificate.SubjectKeyId
	der := must(x509.CreateCertificate(rand.Reader, template, template, fake.key.Public(), fake.key))
	fake.certificate = must(x509.ParseCertificate(der))
	return fake
}

func selfSigned(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// childOf is a certificate that one of c's clients has signed, as if it were an authority.
func childOf(t *testing.T, c *certifier) tls.Certificate {
	t.Helper()
	parent := c.sign(t, clientTemplate(sensor))
	middle := &certifier{leafOf(t, parent), parent.PrivateKey.(*ecdsa.PrivateKey), parent.Certificate}
	return middle.sign(t, clientTemplate("spiffe://acme.example/admin"))
}

func behind(c tls.Certificate, more ...[]byte) tls.Certificate {
	c.Certificate = append(slices.Clone(c.Certificate), more...)
	return c
}

func TestACertificateThatIsOverOrForSomethingElse(t *testing.T) {
	expired, purpose, identity := unbelieved("certificate_expired"), unbelieved("certificate_purpose"), unbelieved("certificate_identity")
	spoiled := func(spoil func(*x509.Certificate)) tls.Certificate {
		template := clientTemplate(sensor)
		spoil(template)
		return acme.strange.sign(t, template)
	}
	secure(t).withstandsCertificates(t, []certified{
		{"expired", expired, acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.NotAfter = time.Now().Add(-time.Second) }), nil},
		{"not yet valid", expired, acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.NotBefore = time.Now().Add(time.Minute) }), nil},
		{"for servers only", purpose, acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.Server, l.Client = true, false }), nil},
		{"for signing code", purpose, spoiled(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), nil},
		{"for enciphering keys", purpose, spoiled(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), nil},
		{"of an authority for servers only", purpose,
			acme.strange.below(t, "servers", time.Now().Add(time.Hour), x509.ExtKeyUsageServerAuth).sign(t, clientTemplate(sensor)), nil},
		{"an authority's own", purpose, spoiled(func(c *x509.Certificate) { c.IsCA = true }), nil},
		{"that may sign certificates", purpose, spoiled(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }), nil},
		{"of two names", identity, acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.URIs = append(l.URIs, "spiffe://acme.example/admin") }), nil},
		{"of one name twice", identity, acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.URIs = append(l.URIs, l.URIs[0]) }), nil},
		{"of no name", identity, acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.URIs, l.Name = nil, sensor }), nil},
		{"of a DNS name alone", identity, acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.URIs, l.DNS = nil, []string{"acme.example"} }), nil},
	})
}

func TestACertificateBesideAToken(t *testing.T) {
	g := secure(t)
	token := bearer(acme.token("ana"))
	own := acme.certificate(t, "sensor/1")
	g.withstandsCertificates(t, []certified{
		{"of another tenant's authority", unbelieved("certificate_tenant"), globex.certificate(t, "sensor/1"), []string{token}},
		{"of an unknown authority", unbelieved("certificate_untrusted"), issue(t, strangers, sensor), []string{token}},
		{"expired", unbelieved("certificate_expired"),
			acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.NotAfter = time.Now().Add(-time.Second) }), []string{token}},
		{"for servers only", unbelieved("certificate_purpose"),
			acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.Server, l.Client = true, false }), []string{token}},
		// A bad token is not saved by a good certificate: whoever shows a token wants to be its user.
		{"the tenant's own, beside a forged token", unbelieved("bad_signature"), own, []string{bearer(forged())}},
		{"the tenant's own, beside an expired token", refusal{401, "token_expired", "token_expired"}, own, []string{bearer(acme.token("ana", claims{"exp": now() - 60}))}},
		{"the tenant's own, beside two tokens", badHandshake("ambiguous_credentials"), own, []string{token, token}},
		{"the tenant's own, beside an empty token", noCredentials, own, []string{"Authorization: Bearer"}},
		{"the tenant's own, beside a bound token", unbelieved("token_bound"), own, []string{bearer(acme.token("ana", claims{"cnf": claims{}}))}},
	})

	// The token says who, the certificate that it was shown.
	c := g.dialOver(t, trust(own), acme.token("ana"))
	if c.welcome["user"] != "ana" || c.welcome["tenant"] != "acme" {
		t.Errorf("got %v, want ana of acme", c.welcome)
	}
	c.does(`{"type":"publish","id":1,"channel":"telemetry:1","data":1}`)
	g.dial(t, acme.token("ana")).mayNot("forbidden", `{"type":"publish","id":1,"channel":"telemetry:1","data":1}`)
}

// A browser shows a certificate by itself, to whatever page asks for a connection.
func TestAnotherSitesPageBesideACertificate(t *testing.T) {
	own := acme.certificate(t, "sensor/1")
	secure(t).withstandsCertificates(t, []certified{
		{"another's", wrongOrigin, own, []string{"Origin: https://evil.example"}},
		{"another tenant's", wrongOrigin, own, []string{"Origin: " + globex.origin}},
		{"none of a sandbox", wrongOrigin, own, []string{"Origin: null"}},
	})
	g := secure(t)
	g.admits(t, func() *answer { return g.handshakeOver(t, trust(own), "Origin: "+acme.origin) })
}

func TestNoCertificateAndNoToken(t *testing.T) {
	secure(t).withstands(t, []attack{{"nothing", noCredentials, nil}})
}

// crypto/tls verifies nothing on a resumed session, so the gateway does it on each handshake.
func TestAResumedTLSSession(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true, listen: "client_certificates: request"})
	end := time.Now().Add(4 * time.Second)
	overSoon := acme.strange.below(t, "acme's short floor", end).sign(t, clientTemplate(sensor))
	leafSoon := acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.NotAfter = end })
	resuming := func(c tls.Certificate) *tls.Config {
		security := trust(c)
		security.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		return security
	}
	good, authorityEnds, leafEnds := resuming(acme.certificate(t, "sensor/1")), resuming(overSoon), resuming(leafSoon)
	foreign := resuming(issue(t, strangers, sensor))
	untrusted := unbelieved("certificate_untrusted")
	for round, resumed := range []bool{false, true} {
		for _, security := range []*tls.Config{good, authorityEnds, leafEnds} {
			l := g.connect(t, security)
			c := accepted(t, g.tell(t, l, g.upgrade()))
			if c.welcome["user"] != "cert|"+sensor || l.resumed() != resumed {
				t.Errorf("round %d: got %v on a session that is resumed: %v", round, c.welcome, l.resumed())
			}
		}
		l := g.connect(t, foreign)
		g.refuses(t, untrusted, func() *answer { return g.tell(t, l, g.upgrade()) })
		if l.resumed() != resumed {
			t.Errorf("round %d of a stranger: resumed is %v", round, l.resumed())
		}
	}
	time.Sleep(time.Until(end.Add(time.Second)))
	expired := unbelieved("certificate_expired")
	l := g.connect(t, authorityEnds)
	g.refuses(t, expired, func() *answer { return g.tell(t, l, g.upgrade()) })
	if !l.resumed() {
		t.Error("the session whose authority has expired was not resumed: the test shows nothing")
	}
	g.refuses(t, expired, func() *answer { return g.tell(t, g.connect(t, leafEnds), g.upgrade()) })
	accepted(t, g.tell(t, g.connect(t, good), g.upgrade()))
}

func TestAClientWithoutACertificateWhereOneIsRequired(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true, listen: "client_certificates: require"})
	before := g.metric(t, "portcullis_tls_handshake_errors_total", "reason", "no_certificate")
	// In TLS 1.3 the client believes that it is in until it hears the alert.
	l, err := g.open()
	if err == nil {
		defer l.Close()
		var a *answer
		if a, err = l.request(g.upgrade(bearer(acme.token("ana")))); err == nil {
			t.Fatalf("got %d %s, want no TLS", a.status, a.body)
		}
	}
	g.until(t, before+1, "portcullis_tls_handshake_errors_total", "reason", "no_certificate")
	g.logged(t, entry{"msg": "tls handshake failed", "reason": "no_certificate"})
	if got := g.metric(t, "portcullis_handshakes_total"); got != 0 {
		t.Errorf("%v handshakes were counted, want none", got)
	}
	g.withstandsCertificates(t, []certified{
		{"a stranger's alone", unbelieved("certificate_untrusted"), issue(t, strangers, sensor), nil},
		{"a stranger's beside a good token", unbelieved("certificate_untrusted"), issue(t, strangers, sensor), []string{bearer(acme.token("ana"))}},
	})
	g.admits(t, func() *answer { return g.handshakeOver(t, trust(acme.certificate(t, "sensor/1"))) })
}
