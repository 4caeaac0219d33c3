package blackbox_test

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"portcullis/internal/listen/authority"
)

var forwardedIdentity = badHandshake("forwarded_identity")

// xfcc is a certificate as Envoy forwards it.
func xfcc(c tls.Certificate) string {
	return `X-Forwarded-Client-Cert: Cert="` + escaped(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})) + `"`
}

func clientCert(c tls.Certificate) string { return "Client-Cert: " + byteSequence(c) }

// A header that forwards a certificate is somebody's identity card, held up by whoever found one. From anybody but a proxy it is refused, and not passed over.
func TestAForwardedCertificateOfAStranger(t *testing.T) {
	mine := acme.certificate(t, "admin")
	var attacks []attack
	for name, header := range map[string]string{
		"RFC 9440": clientCert(mine), "Envoy's": xfcc(mine), "RFC 9440, in lower case": strings.ToLower(clientCert(mine)[:12]) + clientCert(mine)[12:],
		"a chain alone": "Client-Cert-Chain: " + byteSequence(mine), "an empty one": "Client-Cert:", "Envoy's, by a name alone": "X-Forwarded-Client-Cert: URI=spiffe://acme.example/admin",
		"Traefik's": "X-Forwarded-Tls-Client-Cert: MIIB", "Amazon's": "X-Amzn-Mtls-Clientcert: MIIB", "Amazon's name": "X-Amzn-Mtls-Clientcert-Subject: CN=admin",
		"nginx's, by habit": "X-SSL-Client-Cert: MIIB", "HAProxy's name, by habit": "X-SSL-Client-S-DN: CN=admin",
	} {
		attacks = append(attacks,
			attack{name + ", alone", forwardedIdentity, []string{header}},
			attack{name + ", beside a good token", forwardedIdentity, []string{bearer(acme.token("ana")), header}},
		)
	}
	plain(t).withstands(t, attacks)
	g := identitiesTLS(t)
	g.withstandsCertificates(t, []certified{
		{"over a certificate of his own", forwardedIdentity, acme.certificate(t, "sensor/1"), []string{clientCert(mine)}},
		{"over the very certificate", forwardedIdentity, mine, []string{clientCert(mine)}},
	})
	for path, purpose := range map[string]string{"/v1/whoami": "api", "/v1/tickets": "ticket"} {
		raw := map[string]string{"api": g.get(path, clientCert(mine)), "ticket": g.post(path, "", "", clientCert(mine))}[purpose]
		g.denies(t, purpose, forwardedIdentity, func() *answer { return g.asks(t, raw) })
	}
}

// An address is no proof: on the proxy's machine, or behind it, there are others.
func TestAForwardedCertificateFromATrustedAddressWithoutAProxysCertificate(t *testing.T) {
	t.Parallel()
	mine := acme.certificate(t, "admin")
	for mode, header := range map[string]string{"rfc9440": clientCert(mine), "xfcc": xfcc(mine)} {
		t.Run(mode, func(t *testing.T) {
			g := start(t, proxied(mode))
			g.refuses(t, forwardedIdentity, func() *answer { return g.handshake(t, header) })
			g.withstandsCertificates(t, []certified{
				{"a tenant's client", forwardedIdentity, acme.certificate(t, "sensor/1"), []string{header}},
				{"a stranger", forwardedIdentity, issue(t, strangers, "spiffe://balancer"), []string{header}},
				{"another authority of the same name", forwardedIdentity, issue(t, must(authority.New("balancers")), "spiffe://balancer"), []string{header}},
				{"a proxy whose certificate is over", forwardedIdentity, issue(t, balancers, "spiffe://balancer", func(l *authority.Leaf) { l.NotAfter = time.Now().Add(-time.Minute) }), []string{header}},
				{"a server of the proxies' authority", forwardedIdentity, issue(t, balancers, "spiffe://balancer", func(l *authority.Leaf) { l.Server, l.Client = true, false }), []string{header}},
				{"a certificate of itself", forwardedIdentity, selfSigned(t, clientTemplate("spiffe://balancer")), []string{header}},
				// The proxy itself, with nobody behind it, is nobody.
				{"the proxy, for a client without one", noCredentials, issue(t, balancers, "spiffe://balancer"), nil},
			})
		})
	}
	// From another address the proxy's own certificate is worth as little.
	o := proxied("rfc9440")
	o.proxy = strings.Replace(o.proxy, "127.0.0.1", "192.0.2.1", 1)
	g := start(t, o)
	g.withstandsCertificates(t, []certified{{"the proxy's certificate at another address", forwardedIdentity, issue(t, balancers, "spiffe://balancer"), []string{clientCert(mine)}}})
}

// What a proxy forwards is one certificate, in one form; anything else was written by somebody before it.
func TestTwoForwardedCertificates(t *testing.T) {
	t.Parallel()
	mine, other := acme.certificate(t, "sensor/1"), acme.certificate(t, "admin")
	one, two := byteSequence(mine), byteSequence(other)
	cert := func(c tls.Certificate) string { return strings.TrimPrefix(xfcc(c), "X-Forwarded-Client-Cert: ") }
	hash := func(c tls.Certificate) string { return "Hash=" + fingerprint(c) + ";" }
	const envoy = "X-Forwarded-Client-Cert: "
	for mode, headers := range map[string]map[string][]string{
		"rfc9440": {
			"two lines": {clientCert(other), clientCert(mine)}, "two elements": {"Client-Cert: " + two + ", " + one}, "an empty line and one": {"Client-Cert:", clientCert(mine)},
			"one in the other form": {xfcc(mine)}, "both forms": {clientCert(mine), xfcc(mine)}, "and another proxy's header": {clientCert(mine), "X-SSL-Client-Cert: MIIB"},
			"a chain without a leaf": {"Client-Cert-Chain: " + one}, "a parameter": {"Client-Cert: " + one + ";x=1"}, "PEM": {"Client-Cert: -----BEGIN CERTIFICATE-----"}, "nothing": {"Client-Cert: ::"},
			"no colons": {"Client-Cert: " + strings.Trim(one, ":")}, "another base64": {"Client-Cert: " + strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(one) + "="}, "bytes behind it": {"Client-Cert: :" + strings.Trim(one, ":=") + "AAAA:"},
			"a chain of five": {clientCert(mine), "Client-Cert-Chain: " + strings.Join([]string{one, one, one, one, one}, ", ")},
		},
		"xfcc": {
			"two lines": {xfcc(other), xfcc(mine)}, "two elements": {xfcc(other) + "," + cert(mine)}, "two certificates in one": {xfcc(other) + ";" + cert(mine)}, "one in the other form": {clientCert(mine)},
			"both forms": {xfcc(mine), clientCert(mine)}, "a name alone": {envoy + "URI=spiffe://acme.example/admin"}, "another's hash": {envoy + hash(other) + cert(mine)}, "another's chain": {xfcc(mine) + ";Chain=" + strings.TrimPrefix(cert(other), "Cert=")},
			"a quote that does not end": {strings.TrimSuffix(xfcc(mine), `"`)}, "no PEM": {envoy + `Cert="MIIB"`}, "empty": {envoy}, "two PEM blocks": {strings.TrimSuffix(xfcc(other), `"`) + strings.TrimPrefix(cert(mine), `Cert="`)},
		},
	} {
		t.Run(mode, func(t *testing.T) {
			g := start(t, proxied(mode))
			proxy := issue(t, balancers, "spiffe://balancer")
			for name, h := range headers {
				g.withstandsCertificates(t, []certified{{name, forwardedIdentity, proxy, h}, {name + ", beside a good token", forwardedIdentity, proxy, append(h, bearer(acme.token("ana")))}})
			}
		})
	}
}

// A forwarded certificate is believed as little as one that is shown: it is verified again, and it can be revoked.
func TestAForwardedCertificateThatNoTenantTrusts(t *testing.T) {
	t.Parallel()
	good, stolen := acme.certificate(t, "sensor/1"), acme.certificate(t, "sensor/2")
	for mode, forward := range map[string]func(tls.Certificate) string{"rfc9440": clientCert, "xfcc": xfcc} {
		t.Run(mode, func(t *testing.T) {
			o := proxied(mode)
			o.acme = managed.acme
			g := start(t, o)
			proxy := issue(t, balancers, "spiffe://balancer")
			through := func(c tls.Certificate, headers ...string) *conn {
				t.Helper()
				return g.admits(t, func() *answer { return g.handshakeOver(t, trust(proxy), append(headers, forward(c))...) })
			}
			if c := through(good); c.welcome["user"] != "cert|"+sensor || c.welcome["tenant"] != "acme" {
				t.Errorf("got %v, want %s of acme", c.welcome, sensor)
			}
			if c := through(good, bearer(acme.token("ana", boundTo(good)))); c.welcome["user"] != "ana" {
				t.Errorf("got %v, want ana", c.welcome)
			}
			live := through(stolen)
			g.endsBy(t, fmt.Sprintf(`{"kind":"certificate","value":%q}`, fingerprint(stolen)), live)
			g.withstandsCertificates(t, []certified{
				{"of a stranger", unbelieved("certificate_untrusted"), proxy, []string{forward(issue(t, strangers, sensor))}},
				{"of the proxies' authority", unbelieved("certificate_untrusted"), proxy, []string{forward(proxy)}},
				{"expired", unbelieved("certificate_expired"), proxy, []string{forward(acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.NotAfter = time.Now().Add(-time.Second) }))}},
				{"for servers only", unbelieved("certificate_purpose"), proxy, []string{forward(acme.certificate(t, "sensor/1", func(l *authority.Leaf) { l.Server, l.Client = true, false }))}},
				{"revoked", revoked, proxy, []string{forward(stolen)}},
				{"of another tenant than the token's", unbelieved("certificate_tenant"), proxy, []string{forward(globex.certificate(t, "sensor/1")), bearer(acme.token("ana"))}},
				{"another than the token's", unbelieved("token_bound"), proxy, []string{forward(good), bearer(acme.token("ana", boundTo(stolen)))}},
				{"the proxy's own for a bound token", unbelieved("token_bound"), proxy, []string{bearer(acme.token("ana", boundTo(proxy)))}},
			})
		})
	}
}
