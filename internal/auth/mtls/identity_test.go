package mtls_test

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"strings"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls"
)

func dns(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, names }
}

func email(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.URIs, c.EmailAddresses = nil, names }
}

// rawURI writes a name that url.URL would write otherwise.
func rawURI(text string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		name := append([]byte{0x86, byte(len(text))}, text...)
		c.URIs = nil
		c.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 17}, Value: append([]byte{0x30, byte(len(name))}, name...)}}
	}
}

func both(bends ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, b := range bends {
			b(c)
		}
	}
}

func TestWhomACertificateNames(t *testing.T) {
	ours := root(t, "ours")
	long := "spiffe://acme/" + strings.Repeat("a", 241)
	tests := []struct {
		name     string
		identity mtls.Identity
		bend     func(*x509.Certificate)
		want     string // "": nobody
	}{
		{"a URI", mtls.URI, uris("spiffe://acme/ana"), "cert|spiffe://acme/ana"},
		{"a URI without a host", mtls.URI, uris("urn:uuid:1"), "cert|urn:uuid:1"},
		{"a URI beside a DNS name", mtls.URI, both(dns("ana.acme.example"), uris("spiffe://acme/ana")), "cert|spiffe://acme/ana"},
		{"an escaped URI stays as it is", mtls.URI, uris("spiffe://acme/%41na"), "cert|spiffe://acme/%41na"},
		{"255 bytes", mtls.URI, uris(long), "cert|" + long},
		{"256 bytes", mtls.URI, uris(long + "a"), ""},
		{"a host in capitals", mtls.URI, uris("spiffe://ACME/ana"), ""},
		{"a scheme in capitals", mtls.URI, rawURI("SPIFFE://acme/ana"), ""},
		{"an empty fragment", mtls.URI, rawURI("spiffe://acme/ana#"), ""},
		{"written by hand", mtls.URI, rawURI("spiffe://acme/ana"), "cert|spiffe://acme/ana"},
		{"no scheme", mtls.URI, uris("/ana"), ""},
		{"no host", mtls.URI, uris("spiffe:///ana"), ""},
		{"an empty DNS name", mtls.DNS, dns(""), ""},
		{"a DNS name", mtls.DNS, dns("ana.acme.example"), "cert|ana.acme.example"},
		{"a DNS name in capitals is the same", mtls.DNS, dns("ANA.acme.Example"), "cert|ana.acme.example"},
		{"two DNS names", mtls.DNS, dns("ana.acme.example", "bob.acme.example"), ""},
		{"a wildcard", mtls.DNS, dns("*.acme.example"), ""},
		{"a final dot", mtls.DNS, dns("ana.acme.example."), ""},
		{"a space", mtls.DNS, dns("ana acme"), ""},
		{"a line break", mtls.DNS, dns("ana\nacme"), ""},
		{"a DNS name where a mail address is wanted", mtls.Email, dns("ana.acme.example"), ""},
		{"a mail address", mtls.Email, email("ana@acme.example"), "cert|ana@acme.example"},
		{"a mail address's host in capitals is the same", mtls.Email, email("Ana@ACME.example"), "cert|Ana@acme.example"},
		{"two mail addresses", mtls.Email, email("ana@acme.example", "bob@acme.example"), ""},
		{"nobody at a host", mtls.Email, email("@acme.example"), ""},
		{"somebody nowhere", mtls.Email, email("ana@"), ""},
		{"no at sign", mtls.Email, email("ana"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := authority(acme, ours.cert)
			a.Identity = tt.identity
			p, err := newVerifier(t, a).Verify(t.Context(), shown(ours.leaf(t, tt.bend)), noon)
			if tt.want == "" {
				if auth.ReasonOf(err) != auth.CertificateIdentity {
					t.Errorf("got %+v, %v; want %s", p, err, auth.CertificateIdentity)
				}
				return
			}
			if err != nil || p.User != tt.want {
				t.Errorf("got %+v, %v; want %s", p, err, tt.want)
			}
		})
	}
}

func TestAFingerprintNeedsNoName(t *testing.T) {
	ours := root(t, "ours")
	a := authority(acme, ours.cert)
	a.Identity = mtls.Fingerprint
	leaf := ours.leaf(t, uris("spiffe://acme/ana", "spiffe://acme/bob"))
	p, err := newVerifier(t, a).Verify(t.Context(), shown(leaf), noon)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(leaf.Raw)
	if want := "cert|" + hex.EncodeToString(sum[:]); p.User != want || p.Segment != want {
		t.Errorf("got %s in segment %s, want %s", p.User, p.Segment, want)
	}
}

func TestAUserThatIsNoSegmentHasNone(t *testing.T) {
	ours := root(t, "ours")
	p, err := newVerifier(t, authority(acme, ours.cert)).Verify(t.Context(), shown(ours.leaf(t, uris("spiffe://acme/"+strings.Repeat("a", 130)))), noon)
	if err != nil || p.Segment != "" {
		t.Errorf("got %+v, %v; want no segment", p, err)
	}
}
