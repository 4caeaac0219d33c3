package mtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls"
)

func TestACertificateOfTheTenantsAuthority(t *testing.T) {
	ours, theirs := root(t, "ours"), root(t, "theirs")
	v := newVerifier(t, authority(acme, ours.cert), authority(globe, theirs.cert))
	for _, of := range []struct {
		signer
		tenant string
	}{{ours, "acme"}, {theirs, "globe"}} {
		got, err := v.Verify(t.Context(), shown(of.leaf(t)), noon)
		if err != nil {
			t.Fatal(err)
		}
		want := auth.Principal{
			User: "cert|spiffe://acme/ana", Segment: "cert|spiffe%3A%2F%2Facme%2Fana", Method: auth.MutualTLS,
			Expires: noon.Add(time.Hour + 30*time.Second),
		}
		if got.Tenant.String() != of.tenant || got.User != want.User || got.Segment != want.Segment || got.Method != want.Method || got.Certificate == nil || !got.Expires.Equal(want.Expires) {
			t.Errorf("got %+v, want %+v of %s", got, want, of.tenant)
		}
	}
}

// Each row is somebody who must not get in.
func TestAttacks(t *testing.T) {
	ours, theirs, strange := root(t, "ours"), root(t, "theirs"), root(t, "ours")
	sub := ours.sub(t, "ours, clients")
	expiredSub := ours.sub(t, "ours, before", func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Minute) })
	serverSub := ours.sub(t, "ours, servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	narrowSub := ours.sub(t, "ours, narrow", func(c *x509.Certificate) {
		c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"robots.example"}, true
	})
	short := ours.sub(t, "ours, one below", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	below := short.sub(t, "ours, two below")
	key, template := newKey(t), leafTemplate()
	client := signer{sign(t, template, ours.cert, &key.PublicKey, ours.key), key}
	forged := signer{&x509.Certificate{RawSubject: ours.cert.RawSubject, Subject: ours.cert.Subject, SubjectKeyId: ours.cert.SubjectKeyId}, strange.key}
	last, links := ours, []*x509.Certificate{}
	for range 9 {
		last = last.sub(t, "link")
		links = append(links, last.cert)
	}
	slices.Reverse(links)
	bomb := append([]*x509.Certificate{last.leaf(t)}, links...)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bits := func(n uint) func(*x509.Certificate) {
		modulus := new(big.Int).Lsh(big.NewInt(1), n-1)
		return func(c *x509.Certificate) { c.PublicKey = &rsa.PublicKey{N: modulus.SetBit(modulus, 0, 1), E: 65537} }
	}
	chain := func(certs ...*x509.Certificate) []*x509.Certificate { return certs }
	tests := []struct {
		name  string
		chain []*x509.Certificate
		want  auth.Reason
	}{
		{"no certificate", nil, auth.MissingCredentials},
		{"an authority that nobody has", chain(strange.leaf(t)), auth.CertificateUntrusted},
		{"an authority that nobody has, shown along", chain(strange.leaf(t), strange.cert), auth.CertificateUntrusted},
		{"a forged key id of our authority", chain(forged.leaf(t)), auth.CertificateUntrusted},
		{"another tenant's certificate beside our authority", chain(theirs.leaf(t), ours.cert), auth.CertificateUntrusted},
		{"our certificate beside another tenant's authority", chain(ours.leaf(t), theirs.cert), auth.CertificateUntrusted},
		{"signed by itself", chain(sign(t, template, template, &key.PublicKey, key)), auth.CertificateUntrusted},
		{"signed by a client", chain(client.leaf(t), client.cert), auth.CertificateUntrusted},
		{"below an authority that may have none below", chain(below.leaf(t), below.cert, short.cert), auth.CertificateUntrusted},
		{"an intermediate that is missing", chain(sub.leaf(t)), auth.CertificateUntrusted},
		{"an intermediate that expired", chain(expiredSub.leaf(t), expiredSub.cert), auth.CertificateExpired},
		{"an intermediate for servers", chain(serverSub.leaf(t), serverSub.cert), auth.CertificatePurpose},
		{"outside the name constraints", chain(narrowSub.leaf(t), narrowSub.cert), auth.CertificateUntrusted},
		{"a critical extension that nobody knows", chain(ours.leaf(t, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		})), auth.CertificateUntrusted},
		{"a bomb of ten certificates", bomb, auth.CertificateUntrusted},
		{"a key of P-521", chain(ours.leaf(t, func(c *x509.Certificate) { c.PublicKey = &p521.PublicKey })), auth.CertificateUntrusted},
		{"a key of RSA 1024", chain(ours.leaf(t, bits(1024))), auth.CertificateUntrusted},
		{"a key of RSA 8192", chain(ours.leaf(t, bits(8192))), auth.CertificateUntrusted},
		{"a P-521 intermediate", chain(ours.leaf(t), ours.leaf(t, func(c *x509.Certificate) { c.PublicKey = &p521.PublicKey })), auth.CertificateUntrusted},
		{"expired", chain(ours.leaf(t, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })), auth.CertificateExpired},
		{"not yet valid", chain(ours.leaf(t, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) })), auth.CertificateExpired},
		{"for servers only", chain(ours.leaf(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), auth.CertificatePurpose},
		{"for something unheard of", chain(ours.leaf(t, func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
		})), auth.CertificatePurpose},
		{"not for signatures", chain(ours.leaf(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), auth.CertificatePurpose},
		{"a leaf that is an authority", chain(ours.leaf(t, func(c *x509.Certificate) { c.IsCA = true })), auth.CertificatePurpose},
		{"a leaf that may sign certificates", chain(ours.leaf(t, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })), auth.CertificatePurpose},
		{"the authority itself", chain(ours.cert), auth.CertificatePurpose},
		{"two URIs", chain(ours.leaf(t, uris("spiffe://acme/ana", "spiffe://acme/admin"))), auth.CertificateIdentity},
		{"the same URI twice", chain(ours.leaf(t, uris("spiffe://acme/ana", "spiffe://acme/ana"))), auth.CertificateIdentity},
		{"no alternative name", chain(ours.leaf(t, uris())), auth.CertificateIdentity},
		{"a common name only", chain(ours.leaf(t, uris(), func(c *x509.Certificate) { c.Subject.CommonName = "spiffe://acme/admin" })), auth.CertificateIdentity},
		{"a DNS name where a URI is wanted", chain(ours.leaf(t, uris(), func(c *x509.Certificate) { c.DNSNames = []string{"ana.acme.example"} })), auth.CertificateIdentity},
	}
	v := newVerifier(t, authority(acme, ours.cert), authority(globe, theirs.cert))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := v.Verify(t.Context(), shown(tt.chain...), noon)
			if got := auth.ReasonOf(err); got != tt.want || p != nil {
				t.Errorf("got %+v, %v; want %s", p, err, tt.want)
			}
			if tt.want == auth.CertificateIdentity {
				return // beside a token, a certificate need not name anybody
			}
			id, _, err := v.Tenant(t.Context(), tt.chain, noon)
			if got := auth.ReasonOf(err); got != tt.want || !id.IsZero() {
				t.Errorf("beside a token: got tenant %q, %v; want %s", id, err, tt.want)
			}
		})
	}
}

// One tenant's authority cannot make the other tenant's users, whatever it writes into a certificate.
func TestAnAuthoritySpeaksForItsTenantAlone(t *testing.T) {
	ours, theirs := root(t, "company"), root(t, "company")
	v := newVerifier(t, authority(acme, ours.cert), authority(globe, theirs.cert))
	mimic := signer{&x509.Certificate{RawSubject: ours.cert.RawSubject, Subject: ours.cert.Subject, SubjectKeyId: ours.cert.SubjectKeyId}, theirs.key}
	for name, chain := range map[string][]*x509.Certificate{
		"our name and key id":                  {mimic.leaf(t)},
		"our name and key id, with its own":    {mimic.leaf(t), theirs.cert},
		"our name and key id, with ours":       {mimic.leaf(t), ours.cert},
		"our URI":                              {theirs.leaf(t, uris("spiffe://acme/ana"))},
		"our URI below a look-alike of ours":   subChain(t, theirs, "company"),
		"our URI below ours, signed by itself": {theirs.leaf(t), ours.cert, theirs.cert},
	} {
		if p, err := v.Verify(t.Context(), shown(chain...), noon); err == nil && p.Tenant != globe {
			t.Errorf("%s: got a user of %s", name, p.Tenant)
		}
	}
}

func subChain(t *testing.T, s signer, name string) []*x509.Certificate {
	sub := s.sub(t, name)
	return []*x509.Certificate{sub.leaf(t), sub.cert}
}

func TestATokenBesideTheCertificateIsNotOverheard(t *testing.T) {
	ours := root(t, "ours")
	c := shown(ours.leaf(t))
	c.Token = "a.b.c"
	if _, err := newVerifier(t, authority(acme, ours.cert)).Verify(t.Context(), c, noon); auth.ReasonOf(err) != auth.AmbiguousCredentials {
		t.Errorf("got %v, want %s", err, auth.AmbiguousCredentials)
	}
}

func TestIntermediates(t *testing.T) {
	ours := root(t, "ours")
	sub := ours.sub(t, "sub")
	low := sub.sub(t, "low")
	tests := []struct {
		name  string
		file  []*x509.Certificate
		chain []*x509.Certificate
		want  bool
	}{
		{"from the client", []*x509.Certificate{ours.cert}, []*x509.Certificate{sub.leaf(t), sub.cert}, true},
		{"from the client, with the root", []*x509.Certificate{ours.cert}, []*x509.Certificate{sub.leaf(t), sub.cert, ours.cert}, true},
		{"two from the client, in disorder", []*x509.Certificate{ours.cert}, []*x509.Certificate{low.leaf(t), sub.cert, low.cert}, true},
		{"from the file", []*x509.Certificate{ours.cert, sub.cert}, []*x509.Certificate{sub.leaf(t)}, true},
		{"from both", []*x509.Certificate{sub.cert, ours.cert}, []*x509.Certificate{low.leaf(t), low.cert}, true},
		{"a subordinate authority trusted by itself", []*x509.Certificate{sub.cert}, []*x509.Certificate{sub.leaf(t), sub.cert, ours.cert}, true},
		{"its root is not trusted with it", []*x509.Certificate{sub.cert}, []*x509.Certificate{ours.leaf(t)}, false},
		{"nor is its sister", []*x509.Certificate{sub.cert}, subChain(t, ours, "sister"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newVerifier(t, authority(acme, tt.file...)).Verify(t.Context(), shown(tt.chain...), noon)
			if (err == nil) != tt.want {
				t.Errorf("got %v, want verified %v", err, tt.want)
			}
		})
	}
}

// An authority that both tenants' roots have signed: its clients are of the tenant that the shown chain leads to, never of both. Where one tenant's file
// holds it, they are that tenant's or nobody's.
func TestCrossSigned(t *testing.T) {
	ours, theirs := root(t, "ours"), root(t, "theirs")
	shared := ours.sub(t, "shared")
	leaf, theirCross := shared.leaf(t), theirs.cross(t, shared)
	v := newVerifier(t, authority(acme, ours.cert), authority(globe, theirs.cert))
	if _, err := v.Verify(t.Context(), shown(leaf, shared.cert, theirCross), noon); auth.ReasonOf(err) != auth.CertificateUntrusted {
		t.Errorf("both shown: got %v, want %s", err, auth.CertificateUntrusted)
	}
	v = newVerifier(t, authority(acme, ours.cert, shared.cert), authority(globe, theirs.cert))
	if _, err := v.Verify(t.Context(), shown(leaf, theirCross), noon); auth.ReasonOf(err) != auth.CertificateUntrusted {
		t.Errorf("theirs shown, held by us: got %v, want %s", err, auth.CertificateUntrusted)
	}
	// Within one tenant it is how a root is replaced.
	next := root(t, "next")
	v = newVerifier(t, authority(acme, ours.cert, next.cert, ours.cross(t, next)))
	for name, chain := range map[string][]*x509.Certificate{"old root": {ours.leaf(t)}, "new root": {next.leaf(t)}, "new root across": {next.leaf(t), ours.cross(t, next)}} {
		if _, err := v.Verify(t.Context(), shown(chain...), noon); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNameConstraintsAllowWhatTheyName(t *testing.T) {
	ours := root(t, "ours")
	narrow := ours.sub(t, "narrow", func(c *x509.Certificate) {
		c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"robots.example"}, true
	})
	v := newVerifier(t, authority(acme, ours.cert))
	if _, err := v.Verify(t.Context(), shown(narrow.leaf(t, uris("spiffe://robots.example/7")), narrow.cert), noon); err != nil {
		t.Error(err)
	}
}

func TestWithoutKeyIDsTheIssuersNameDecides(t *testing.T) {
	ours, theirs := root(t, "company"), root(t, "partner")
	unnamed := func(s signer) *x509.Certificate {
		bare := *s.cert
		bare.SubjectKeyId = nil
		leaf := signer{&bare, s.key}.leaf(t)
		if len(leaf.AuthorityKeyId) != 0 {
			t.Fatal("there still is a key id")
		}
		return leaf
	}
	bareRoot := withoutKeyID(t, ours)
	twin := root(t, "company")
	tests := []struct {
		name        string
		authorities []mtls.Authority
		leaf        *x509.Certificate
		want        string // tenant
	}{
		{"a leaf without one", []mtls.Authority{authority(acme, ours.cert), authority(globe, theirs.cert)}, unnamed(ours), "acme"},
		{"a root without one", []mtls.Authority{authority(acme, bareRoot.cert), authority(globe, theirs.cert)}, ours.leaf(t), "acme"},
		{"both without", []mtls.Authority{authority(acme, bareRoot.cert), authority(globe, theirs.cert)}, unnamed(ours), "acme"},
		{"a name that two tenants share", []mtls.Authority{authority(acme, ours.cert), authority(globe, twin.cert)}, unnamed(ours), ""},
		{"a name that two tenants share, with a key id", []mtls.Authority{authority(acme, ours.cert), authority(globe, twin.cert)}, ours.leaf(t), "acme"},
		{"a root without one, of a name that two tenants share", []mtls.Authority{authority(acme, bareRoot.cert), authority(globe, twin.cert)}, ours.leaf(t), "acme"},
		{"a key id that no root of the name has", []mtls.Authority{authority(acme, ours.cert)}, twin.leaf(t), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := newVerifier(t, tt.authorities...).Verify(t.Context(), shown(tt.leaf), noon)
			if tt.name == "a name that two tenants share" && !strings.Contains(fmt.Sprint(err), "more than one tenant") {
				t.Errorf("got %v, want it to say why", err)
			}
			if p == nil {
				p = new(auth.Principal)
			}
			if p.Tenant.String() != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got tenant %q, %v; want %q", p.Tenant, err, tt.want)
			}
		})
	}
}

func TestTheRightEndsWithTheFirstOfTheChain(t *testing.T) {
	ours := root(t, "ours")
	brief := ours.sub(t, "brief", func(c *x509.Certificate) { c.NotAfter = noon.Add(time.Minute) })
	a := authority(acme, ours.cert)
	a.Leeway = 5 * time.Second
	v := newVerifier(t, a)
	for _, tt := range []struct {
		name  string
		chain []*x509.Certificate
		want  time.Duration
	}{
		{"the leaf ends first", []*x509.Certificate{ours.leaf(t)}, time.Hour + 5*time.Second},
		{"the intermediate ends first", []*x509.Certificate{brief.leaf(t), brief.cert}, time.Minute + 5*time.Second},
	} {
		id, got, err := v.Tenant(t.Context(), tt.chain, noon)
		if err != nil || id != acme || got.Expires.Sub(noon) != tt.want {
			t.Errorf("%s: got %+v of %q, %v; want %v of acme", tt.name, got, id, err, tt.want)
		}
	}
}

// Who cannot be verified by cheap means does not get a turn; who would be, waits for one and is told when there is none.
func TestAFullGate(t *testing.T) {
	ours, strange := root(t, "ours"), root(t, "strange")
	good, bad := ours.leaf(t), strange.leaf(t)
	synctest.Test(t, func(t *testing.T) {
		gate, start := auth.NewSlots(1), time.Now()
		v, err := mtls.New([]mtls.Authority{authority(acme, ours.cert)}, gate)
		if err != nil {
			t.Fatal(err)
		}
		_ = gate.Acquire(t.Context())
		if _, err := v.Verify(t.Context(), shown(bad), noon); auth.ReasonOf(err) != auth.CertificateUntrusted || time.Since(start) != 0 {
			t.Errorf("a stranger: got %v after %v, want %s at once", err, time.Since(start), auth.CertificateUntrusted)
		}
		if _, err := v.Verify(t.Context(), shown(good), noon); auth.ReasonOf(err) != auth.Overloaded || time.Since(start) != auth.MaxWait {
			t.Errorf("a client: got %v after %v, want %s after %v", err, time.Since(start), auth.Overloaded, auth.MaxWait)
		}
		gate.Release()
		for range 3 { // each gives its turn back
			if _, err := v.Verify(t.Context(), shown(good), noon); err != nil {
				t.Errorf("with a free turn: %v", err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	ours := root(b, "ours")
	sub := ours.sub(b, "sub")
	v, c := newVerifier(b, authority(acme, ours.cert)), shown(sub.leaf(b), sub.cert)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), c, noon); err != nil {
			b.Fatal(err)
		}
	}
}
