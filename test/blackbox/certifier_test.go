package blackbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"testing"
	"time"
)

// certifier is an authority that signs whatever it is given: what a proper one does not issue, and authorities below it.
type certifier struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	chain       [][]byte // from the certifier up to, and without, the root
}

func newCertifier(name string) *certifier {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := authorityTemplate(name, time.Now().Add(24*time.Hour))
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return &certifier{certificate: must(x509.ParseCertificate(der)), key: key}
}

func authorityTemplate(name string, end time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// clientTemplate is a good client certificate, for tests to spoil.
func clientTemplate(uris ...string) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "a client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, u := range uris {
		c.URIs = append(c.URIs, must(url.Parse(u)))
	}
	return c
}

func serial() *big.Int { return must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))) }

// PEM returns the root as a file of authorities holds it.
func (c *certifier) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.certificate.Raw})
}

// sign returns the certificate of template, and its chain, with a new key.
func (c *certifier) sign(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.certificate, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: append([][]byte{der}, c.chain...), PrivateKey: key}
}

// below returns an authority that c has issued, good until end, and for these purposes alone where there are any.
func (c *certifier) below(t *testing.T, name string, end time.Time, purposes ...x509.ExtKeyUsage) *certifier {
	t.Helper()
	template := authorityTemplate(name, end)
	template.ExtKeyUsage = purposes
	signed := c.sign(t, template)
	certificate, err := x509.ParseCertificate(signed.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return &certifier{certificate, signed.PrivateKey.(*ecdsa.PrivateKey), signed.Certificate}
}
