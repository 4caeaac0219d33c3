package mtls_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls"
	"portcullis/internal/tenant"
)

func spiffe(id tenant.ID, domain string, certs ...*x509.Certificate) mtls.Authority {
	return mtls.Authority{Tenant: id, Certs: certs, Identity: mtls.SPIFFE, TrustDomain: domain}
}

// rawNames writes URIs that url.URL would write otherwise, and as many as there are.
func rawNames(texts ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		var names []byte
		for _, text := range texts {
			names = append(append(names, 0x86), length(len(text))...)
			names = append(names, text...)
		}
		c.URIs = nil
		c.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 17}, Value: append(append([]byte{0x30}, length(len(names))...), names...)}}
	}
}

// length writes a length in DER.
func length(n int) []byte {
	switch {
	case n < 128:
		return []byte{byte(n)}
	case n < 256:
		return []byte{0x81, byte(n)}
	}
	return []byte{0x82, byte(n >> 8), byte(n)}
}

func TestSPIFFEIdentities(t *testing.T) {
	const us = "spiffe://prod.acme.example"
	ours := root(t, "ours")
	v := newVerifier(t, spiffe(acme, "prod.acme.example", ours.cert))
	usage := func(u x509.KeyUsage) func(*x509.Certificate) {
		return both(uris(us+"/ana"), func(c *x509.Certificate) { c.KeyUsage = u })
	}
	long := us + "/" + strings.Repeat("a", 255-len(us)-1)
	tests := []struct {
		name string
		bend func(*x509.Certificate)
		user string
		want auth.Reason
	}{
		{"a workload", uris(us + "/payments/api"), "cert|" + us + "/payments/api", ""},
		{"every character of a path", rawNames(us + "/aZ0.-_/..."), "cert|" + us + "/aZ0.-_/...", ""},
		{"255 bytes", uris(long), "cert|" + long, ""},
		{"DNS and mail names beside it", both(dns("ana.acme.example", "b.acme.example"), email("ana@acme.example"), uris(us+"/ana")), "cert|" + us + "/ana", ""},
		{"also for servers", both(uris(us+"/ana"), func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) }), "cert|" + us + "/ana", ""},

		{"no URI", dns("ana.acme.example"), "", auth.CertificateIdentity},
		{"a common name that looks like an id", both(dns("ana"), func(c *x509.Certificate) { c.Subject.CommonName = us + "/ana" }), "", auth.CertificateIdentity},
		{"a DNS name that looks like an id", dns(us + "/ana"), "", auth.CertificateIdentity},
		{"two ids", uris(us+"/ana", us+"/bob"), "", auth.CertificateIdentity},
		{"an id and another URI", uris(us+"/ana", "https://acme.example"), "", auth.CertificateIdentity},
		{"the same id twice", uris(us+"/ana", us+"/ana"), "", auth.CertificateIdentity},
		{"another trust domain", uris("spiffe://globex.example/ana"), "", auth.CertificateIdentity},
		{"a trust domain that begins with ours", uris(us + ".evil.example/ana"), "", auth.CertificateIdentity},
		{"a trust domain that ends with ours", uris("spiffe://x.prod.acme.example/ana"), "", auth.CertificateIdentity},
		{"a trust domain in capitals", rawNames("spiffe://PROD.acme.example/ana"), "", auth.CertificateIdentity},
		{"no trust domain", rawNames("spiffe:///ana"), "", auth.CertificateIdentity},
		{"ours as the path of nobody's", rawNames("spiffe:///prod.acme.example/ana"), "", auth.CertificateIdentity},
		{"another scheme", rawNames("https://prod.acme.example/ana"), "", auth.CertificateIdentity},
		{"a scheme in capitals", rawNames("SPIFFE://prod.acme.example/ana"), "", auth.CertificateIdentity},
		{"no authority", rawNames("spiffe:prod.acme.example/ana"), "", auth.CertificateIdentity},
		{"one slash", rawNames("spiffe:/prod.acme.example/ana"), "", auth.CertificateIdentity},
		{"a user in the trust domain", rawNames("spiffe://ana@prod.acme.example/ana"), "", auth.CertificateIdentity},
		{"a port", rawNames(us + ":8443/ana"), "", auth.CertificateIdentity},
		{"an empty port", rawNames(us + ":/ana"), "", auth.CertificateIdentity},
		{"the trust domain itself", rawNames(us), "", auth.CertificateIdentity},
		{"the root path", rawNames(us + "/"), "", auth.CertificateIdentity},
		{"a final slash", rawNames(us + "/ana/"), "", auth.CertificateIdentity},
		{"an empty segment", rawNames(us + "/a//b"), "", auth.CertificateIdentity},
		{"a dot segment", rawNames(us + "/./ana"), "", auth.CertificateIdentity},
		{"a segment that goes up", rawNames(us + "/bob/../ana"), "", auth.CertificateIdentity},
		{"a final segment that goes up", rawNames(us + "/ana/.."), "", auth.CertificateIdentity},
		{"an escaped letter", rawNames(us + "/%61na"), "", auth.CertificateIdentity},
		{"an escaped slash", rawNames(us + "/bob%2Fana"), "", auth.CertificateIdentity},
		{"a query", rawNames(us + "/ana?role=admin"), "", auth.CertificateIdentity},
		{"an empty query", rawNames(us + "/ana?"), "", auth.CertificateIdentity},
		{"a fragment", rawNames(us + "/ana#x"), "", auth.CertificateIdentity},
		{"an empty fragment", rawNames(us + "/ana#"), "", auth.CertificateIdentity},
		{"a query behind the trust domain", rawNames(us + "?/ana"), "", auth.CertificateIdentity},
		{"a bar, which ends prefixes", rawNames(us + "/cert|ana"), "", auth.CertificateIdentity},
		{"256 bytes", uris(long + "a"), "", auth.CertificateIdentity},
		{"2048 bytes", rawNames(us + "/" + strings.Repeat("a", 2048-len(us)-1)), "", auth.CertificateIdentity},

		{"no key usage", usage(0), "", auth.CertificatePurpose},
		{"only for encryption", usage(x509.KeyUsageKeyEncipherment), "", auth.CertificatePurpose},
		{"may sign certificates", usage(x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign), "", auth.CertificatePurpose},
		{"may sign lists", usage(x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign), "", auth.CertificatePurpose},
		{"an authority itself", both(uris(us+"/ana"), func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageDigitalSignature }), "", auth.CertificatePurpose},
		{"for servers alone", both(uris(us+"/ana"), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "", auth.CertificatePurpose},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := v.Verify(t.Context(), shown(ours.leaf(t, tt.bend)), noon)
			if auth.ReasonOf(err) != tt.want {
				t.Fatalf("got %+v, %v; want %q", p, err, tt.want)
			}
			if err == nil && p.User != tt.user {
				t.Errorf("got %s, want %s", p.User, tt.user)
			}
		})
	}
}

// Two tenants of one trust domain stay apart: their authorities do it, and not what they write.
func TestATrustDomainChoosesNoTenant(t *testing.T) {
	ours, theirs := root(t, "ours"), root(t, "theirs")
	v := newVerifier(t, spiffe(acme, "example", ours.cert), spiffe(globe, "example", theirs.cert))
	for of, want := range map[*signer]tenant.ID{&ours: acme, &theirs: globe} {
		p, err := v.Verify(t.Context(), shown(of.leaf(t, uris("spiffe://example/ana"))), noon)
		if err != nil || p.Tenant != want {
			t.Errorf("got %+v, %v; want one of %s", p, err, want)
		}
	}
}

func TestTrustDomainsThatAreNone(t *testing.T) {
	ours := root(t, "ours")
	for name, tt := range map[string]struct {
		authority mtls.Authority
		want      string
	}{
		"missing":          {spiffe(acme, "", ours.cert), "must be the trust domain"},
		"an id":            {spiffe(acme, "spiffe://prod.acme.example", ours.cert), "1 to 255 of a-z"},
		"capitals":         {spiffe(acme, "Prod.acme.example", ours.cert), "1 to 255 of a-z"},
		"a port":           {spiffe(acme, "prod.acme.example:443", ours.cert), "1 to 255 of a-z"},
		"a path":           {spiffe(acme, "prod.acme.example/", ours.cert), "1 to 255 of a-z"},
		"256 bytes":        {spiffe(acme, strings.Repeat("a", 256), ours.cert), "1 to 255 of a-z"},
		"another identity": {mtls.Authority{Tenant: acme, Certs: []*x509.Certificate{ours.cert}, Identity: mtls.URI, TrustDomain: "prod"}, "take it out or change identity"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := mtls.New([]mtls.Authority{tt.authority}, auth.NewSlots(1)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to say %q", err, tt.want)
			}
		})
	}
}
