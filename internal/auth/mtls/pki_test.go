package mtls_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/url"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls"
	"portcullis/internal/tenant"
)

var (
	noon  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	acme  = tenant.MustParse("acme")
	globe = tenant.MustParse("globe")
)

// signer is an authority whose every field a test may bend.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, with crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, with)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, der)
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func authorityTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
}

// root makes an authority that signed itself.
func root(t testing.TB, name string) signer {
	t.Helper()
	key, template := newKey(t), authorityTemplate(name)
	return signer{sign(t, template, template, &key.PublicKey, key), key}
}

// sub makes an authority that s signed.
func (s signer) sub(t testing.TB, name string, bend ...func(*x509.Certificate)) signer {
	t.Helper()
	key, template := newKey(t), authorityTemplate(name)
	for _, b := range bend {
		b(template)
	}
	return signer{sign(t, template, s.cert, &key.PublicKey, s.key), key}
}

// cross signs the key of another authority.
func (s signer) cross(t testing.TB, other signer) *x509.Certificate {
	t.Helper()
	return sign(t, authorityTemplate(other.cert.Subject.CommonName), s.cert, other.key.Public(), s.key)
}

// leaf issues a client's certificate: for clients, valid for an hour, of the user spiffe://acme/ana.
func (s signer) leaf(t testing.TB, bend ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := leafTemplate()
	for _, b := range bend {
		b(template)
	}
	var public crypto.PublicKey = &newKey(t).PublicKey
	if template.PublicKey != nil {
		public = template.PublicKey
	}
	return sign(t, template, s.cert, public, s.key)
}

func leafTemplate() *x509.Certificate {
	return &x509.Certificate{
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "acme", Path: "/ana"}},
	}
}

func uris(texts ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.URIs = nil
		for _, text := range texts {
			u, err := url.Parse(text)
			if err != nil {
				panic(err)
			}
			c.URIs = append(c.URIs, u)
		}
	}
}

// withoutKeyID returns the certificate without its subject key id, whose extension gets the number of one that nobody knows. The
// signature breaks; a trusted root's is not looked at.
func withoutKeyID(t testing.TB, s signer) signer {
	t.Helper()
	der := bytes.Replace(s.cert.Raw, []byte{6, 3, 0x55, 0x1d, 0x0e}, []byte{6, 3, 0x55, 0x1d, 0x7f}, 1)
	s.cert = parse(t, der)
	if len(s.cert.SubjectKeyId) != 0 {
		t.Fatal("there still is a key id")
	}
	return s
}

func pemOf(certs ...*x509.Certificate) (text []byte) {
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

func authority(id tenant.ID, certs ...*x509.Certificate) mtls.Authority {
	return mtls.Authority{Tenant: id, Certs: certs, Identity: mtls.URI}
}

func newVerifier(t testing.TB, authorities ...mtls.Authority) *mtls.Verifier {
	t.Helper()
	v, err := mtls.New(authorities, auth.NewSlots(1))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func shown(chain ...*x509.Certificate) auth.Credential {
	return auth.Credential{Method: auth.MutualTLS, Chain: chain}
}
