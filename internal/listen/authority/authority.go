// Package authority makes throw-away certificate authorities and what they issue: for the dev command, for a first configuration, and for tests.
// Its keys live in memory alone; nothing here guards an authority that is meant to last.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Lifetime is how long an authority is valid, and what it issues unless a [Leaf] says otherwise. Both begin an hour ago, for clocks that are behind.
const Lifetime = 90 * 24 * time.Hour

// Authority signs certificates with a P-256 key of its own.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New makes an authority of this common name.
func New(name string) (*Authority, error) {
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(Lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of authority %q: %w", name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make authority %q: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read authority %q: %w", name, err)
	}
	return &Authority{certificate, key}, nil
}

// PEM returns the authority's certificate as a file of authorities holds it.
func (a *Authority) PEM() []byte { return block("CERTIFICATE", a.certificate.Raw) }

// Pool returns a pool that trusts this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Leaf says what a certificate is for and whom it names.
type Leaf struct {
	Name   string // the common name, for people
	DNS    []string
	IPs    []net.IP
	URIs   []string
	Emails []string

	Server, Client bool // what it may be used for

	NotBefore, NotAfter time.Time // zero: now less an hour, and as long as the authority
}

// Pair is a certificate and its key.
type Pair struct {
	Certificate []byte // PEM
	Key         []byte // PEM, PKCS #8
	TLS         tls.Certificate
}

// Issue makes a certificate and a P-256 key for it.
func (a *Authority) Issue(l Leaf) (*Pair, error) {
	template, err := a.template(l)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of %q: %w", l.Name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue the certificate of %q: %w", l.Name, err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write the key of %q: %w", l.Name, err)
	}
	p := &Pair{Certificate: block("CERTIFICATE", der), Key: block("PRIVATE KEY", pkcs8)}
	if p.TLS, err = tls.X509KeyPair(p.Certificate, p.Key); err != nil {
		return nil, fmt.Errorf("read the certificate of %q: %w", l.Name, err)
	}
	return p, nil
}

func (a *Authority) template(l Leaf) (*x509.Certificate, error) {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: l.Name},
		DNSNames:              l.DNS,
		IPAddresses:           l.IPs,
		EmailAddresses:        l.Emails,
		NotBefore:             l.NotBefore,
		NotAfter:              l.NotAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = time.Now().Add(-time.Hour)
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = a.certificate.NotAfter
	}
	if l.Server {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if l.Client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, text := range l.URIs {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("the URI of %q: %w", l.Name, err)
		}
		t.URIs = append(t.URIs, u)
	}
	return t, nil
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
