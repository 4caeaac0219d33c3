package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/proxy"
)

// issuer signs certificates for tests.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(name string) *issuer {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := template(name)
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	return &issuer{must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)))), key}
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<60))), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func (i *issuer) leaf(name string, change ...func(*x509.Certificate)) *x509.Certificate {
	key, c := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), template(name)
	for _, f := range change {
		f(c)
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, i.cert, key.Public(), i.key))))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func prefixes(all ...string) (p []netip.Prefix) {
	for _, s := range all {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

func pool(i *issuer) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(i.cert)
	return p
}

func request(remote string, chain []*x509.Certificate, headers ...string) *http.Request {
	r := &http.Request{RemoteAddr: remote, Header: make(http.Header)}
	if chain != nil {
		r.TLS = &tls.ConnectionState{PeerCertificates: chain}
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestTheSourceAddress(t *testing.T) {
	trust := must(proxy.New(proxy.Config{Trusted: prefixes("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")}))
	const lb = "10.0.0.1:4711"
	tests := []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1"},
		{"a client that writes the header itself", "192.0.2.1:5", []string{"203.0.113.9"}, "192.0.2.1"},
		{"a client that claims to be a proxy", "192.0.2.1:5", []string{"10.0.0.7"}, "192.0.2.1"},
		{"one proxy", lb, []string{"203.0.113.9"}, "203.0.113.9"},
		{"what the client wrote stands on the left", lb, []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		{"a lie of a trusted address on the left", lb, []string{"10.0.0.9, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", lb, []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"two header lines are one list", lb, []string{"1.1.1.1, 203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"nobody but proxies", lb, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no header", lb, nil, "10.0.0.1"},
		{"an empty header", lb, []string{""}, "10.0.0.1"},
		{"garbage behind a proxy", lb, []string{"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"garbage on the left of the client", lb, []string{"; DROP TABLE, 203.0.113.9"}, "203.0.113.9"},
		{"with a port", lb, []string{"203.0.113.9:1234"}, "203.0.113.9"},
		{"IPv6", lb, []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with a port", lb, []string{"[2001:db8::1]:1234"}, "2001:db8::1"},
		{"IPv6 in brackets", lb, []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv4 in IPv6", lb, []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a proxy as IPv4 in IPv6", "[::ffff:10.0.0.1]:4711", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a zone", lb, []string{"fe80::1%eth0"}, "10.0.0.1"},
		{"a neighbour on the link, whose attempts would not count without an address", "[fe80::1%eth0]:4711", []string{"203.0.113.9"}, "fe80::1"},
		{"leading zeros", lb, []string{"203.0.113.09"}, "10.0.0.1"},
		{"more hops than anybody has", lb, []string{"203.0.113.9" + strings.Repeat(", 10.0.0.2", 40)}, "10.0.0.2"},
		{"a million commas", lb, []string{strings.Repeat(",", 1<<20)}, "10.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(tt.remote, nil)
			for _, f := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			r.Header.Set("X-Real-Ip", "198.51.100.1")
			r.Header.Set("Forwarded", "for=198.51.100.2")
			c, err := trust.Read(r)
			if err != nil || c.Address.String() != tt.want {
				t.Errorf("got %v, %v; want %s", c.Address, err, tt.want)
			}
		})
	}
	if c, err := trust.Read(request("@", nil)); err != nil || c.Address.IsValid() || c.Proxied {
		t.Errorf("an address that is none: got %+v, %v", c, err)
	}
}

// stand is a proxy with a certificate of its own, clients with theirs, and strangers.
type stand struct {
	proxies, clients, strangers *issuer
	proxy, client               *x509.Certificate
}

func newStand() *stand {
	s := &stand{proxies: newIssuer("proxies"), clients: newIssuer("clients"), strangers: newIssuer("strangers")}
	s.proxy, s.client = s.proxies.leaf("lb"), s.clients.leaf("ana")
	return s
}

func (s *stand) trust(h proxy.Header) *proxy.Trust {
	return must(proxy.New(proxy.Config{Trusted: prefixes("10.0.0.0/8"), Header: h, Authorities: pool(s.proxies)}))
}

func rfc9440(c *x509.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"
}

func escaped(certs ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return strings.ReplaceAll(url.QueryEscape(b.String()), "+", "%20")
}

func xfcc(certs ...*x509.Certificate) string { return `Cert="` + escaped(certs[0]) + `"` }

// want is what becomes of a forwarded certificate.
type want int

const (
	refused want = iota
	nobody       // no certificate at all
	theClient
	itself // the peer's own
)

func TestForwardedCertificates(t *testing.T) {
	s := newStand()
	hash := sha256.Sum256(s.client.Raw)
	const lb, stranger = "10.0.0.1:4711", "192.0.2.1:5"
	expired := s.proxies.leaf("old lb", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	server := s.proxies.leaf("a server", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	evil := s.strangers.leaf("eve")
	tests := []struct {
		name    string
		mode    proxy.Header
		remote  string
		shown   *x509.Certificate // to TLS
		headers []string
		want    want
	}{
		{"a proven proxy, RFC 9440", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client)}, theClient},
		{"a proven proxy, with the chain", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client), "Client-Cert-Chain", rfc9440(s.clients.cert)}, theClient},
		{"a proven proxy, XFCC", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", xfcc(s.client)}, theClient},
		{"a proven proxy, XFCC as Envoy writes it", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert",
			`By=spiffe://lb;Hash=` + hex.EncodeToString(hash[:]) + `;` + xfcc(s.client) + `;Subject="CN=ana,O=\"Acme; Inc\"";URI=spiffe://a;URI=spiffe://b`}, theClient},
		{"a proven proxy whose client has none", proxy.RFC9440, lb, s.proxy, nil, nobody},
		{"a proven proxy, after the client had the header stripped by Connection: Client-Cert", proxy.RFC9440, lb, s.proxy, []string{"Connection", "Client-Cert"}, nobody},

		{"from a stranger", proxy.RFC9440, stranger, nil, []string{"Client-Cert", rfc9440(s.client)}, refused},
		{"from a stranger who has a proxy's certificate", proxy.RFC9440, stranger, s.proxy, []string{"Client-Cert", rfc9440(s.client)}, refused},
		{"from a trusted address without a certificate", proxy.RFC9440, lb, nil, []string{"Client-Cert", rfc9440(s.client)}, refused},
		{"from a trusted address with another authority's certificate", proxy.RFC9440, lb, evil, []string{"Client-Cert", rfc9440(s.client)}, refused},
		{"from a trusted address with a client's certificate", proxy.RFC9440, lb, s.client, []string{"Client-Cert", rfc9440(s.client)}, refused},
		{"from a proxy whose certificate expired", proxy.RFC9440, lb, expired, []string{"Client-Cert", rfc9440(s.client)}, refused},
		{"from a proxy with a server's certificate", proxy.RFC9440, lb, server, []string{"Client-Cert", rfc9440(s.client)}, refused},
		{"from a stranger, where nothing is configured", proxy.NoHeader, stranger, nil, []string{"X-Forwarded-Client-Cert", xfcc(s.client)}, refused},
		{"from a proxy, where nothing is configured", proxy.NoHeader, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client)}, refused},
		{"the other header than the configured one", proxy.RFC9440, lb, s.proxy, []string{"X-Forwarded-Client-Cert", xfcc(s.client)}, refused},
		{"the client's lie beside the proxy's word", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client), "X-Forwarded-Client-Cert", xfcc(evil)}, refused},
		{"a header of habit that the proxy does not strip", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client), "X-SSL-Client-Cert", "x"}, refused},
		{"an ordinary client with its own certificate", proxy.RFC9440, stranger, s.client, nil, itself},
		{"a client with its own certificate from a trusted address", proxy.RFC9440, lb, s.client, nil, itself},

		{"two Client-Cert lines", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client), "Client-Cert", rfc9440(evil)}, refused},
		{"two byte sequences in one Client-Cert", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client) + ", " + rfc9440(evil)}, refused},
		{"a chain without a leaf", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert-Chain", rfc9440(s.client)}, refused},
		{"a chain that is too long", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client), "Client-Cert-Chain", strings.Repeat(rfc9440(s.client)+",", 4) + rfc9440(s.client)}, refused},
		{"no byte sequence", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", base64.StdEncoding.EncodeToString(s.client.Raw)}, refused},
		{"an empty byte sequence", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", "::"}, refused},
		{"one colon", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", ":"}, refused},
		{"base64url", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", ":" + base64.URLEncoding.EncodeToString(append(s.client.Raw, 0xff)) + ":"}, refused},
		{"bytes behind the certificate", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", ":" + base64.StdEncoding.EncodeToString(append(s.client.Raw, 0)) + ":"}, refused},
		{"a parameter behind the byte sequence", proxy.RFC9440, lb, s.proxy, []string{"Client-Cert", rfc9440(s.client) + ";a=1"}, refused},

		{"two XFCC elements", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", xfcc(evil) + "," + xfcc(s.client)}, refused},
		{"two XFCC lines", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", xfcc(evil), "X-Forwarded-Client-Cert", xfcc(s.client)}, refused},
		{"a Subject that plays at being an element", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", `Subject="CN=a,` + strings.ReplaceAll(xfcc(evil), `"`, `\"`) + `";` + xfcc(s.client)}, theClient},
		{"a Subject that breaks out of its quotes", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", `Subject="CN=a",` + xfcc(evil) + `;` + xfcc(s.client)}, refused},
		{"two Certs", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", xfcc(evil) + ";" + xfcc(s.client)}, refused},
		{"two Certs of other letters", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", xfcc(evil) + ";" + strings.Replace(xfcc(s.client), "Cert", "CERT", 1)}, refused},
		{"a hash and a URI alone", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", "Hash=" + hex.EncodeToString(hash[:]) + ";URI=spiffe://acme/admin"}, refused},
		{"another certificate's hash", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", "Hash=" + strings.Repeat("0", 64) + ";" + xfcc(s.client)}, refused},
		{"a chain of another leaf", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", xfcc(s.client) + `;Chain="` + escaped(evil, s.clients.cert) + `"`}, refused},
		{"two certificates as Cert", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", `Cert="` + escaped(s.client, evil) + `"`}, refused},
		{"a broken PEM block before a good one", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", `Cert="` + url.PathEscape("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n") + escaped(s.client) + `"`}, refused},
		{"an open quote", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", `Cert="` + escaped(s.client)}, refused},
		{"an empty header", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", ""}, refused},
		{"a broken escape", proxy.XFCC, lb, s.proxy, []string{"X-Forwarded-Client-Cert", `Cert="%zz"`}, refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var chain []*x509.Certificate
			if tt.shown != nil {
				chain = []*x509.Certificate{tt.shown}
			}
			trust := s.trust(tt.mode)
			for range 2 { // the second time a proxy is remembered
				c, err := trust.Read(request(tt.remote, chain, tt.headers...))
				got := nobody
				switch {
				case err != nil:
					got = refused
					if auth.ReasonOf(err) != auth.ForwardedIdentity {
						t.Errorf("got %v, want forwarded_identity", err)
					}
				case len(c.Chain) > 0 && c.Chain[0].Equal(s.client) && !(tt.shown != nil && tt.shown.Equal(s.client)):
					got = theClient
				case len(c.Chain) > 0 && c.Chain[0] == tt.shown:
					got = itself
				case len(c.Chain) > 0:
					t.Errorf("got the certificate of %v", c.Chain[0].Subject)
				}
				if got != tt.want {
					t.Errorf("got %v, %v; want %v", got, err, tt.want)
				}
			}
		})
	}
}

func TestAHeaderNeedsProvenProxies(t *testing.T) {
	s := newStand()
	for name, c := range map[string]proxy.Config{
		"no authorities": {Trusted: prefixes("10.0.0.0/8"), Header: proxy.RFC9440},
		"no addresses":   {Header: proxy.XFCC, Authorities: pool(s.proxies)},
	} {
		if _, err := proxy.New(c); err == nil || !strings.Contains(err.Error(), "give proxy.trusted") {
			t.Errorf("%s: got %v, want an error with the remedy", name, err)
		}
	}
}
