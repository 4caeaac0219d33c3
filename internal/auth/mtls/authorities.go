package mtls

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"portcullis/internal/config/regular"
)

// maxAuthorities is how many bytes a file of authorities may have: more than those of all the world's browsers.
const maxAuthorities = 1 << 20

// LoadAuthorities reads a file of authorities: PEM, certificates alone. A certificate whose issuer stands in the file too is an intermediate; every
// other one is trusted by itself, so that a tenant can be given one subordinate authority of a company and not its root.
//
// Its errors name the file, the rule and the remedy. There is never an empty result: to crypto/x509 no roots mean the system's, that is, everybody's.
func LoadAuthorities(path string, now time.Time) ([]*x509.Certificate, error) {
	content, _, err := regular.Read(path, maxAuthorities)
	if err != nil {
		return nil, fmt.Errorf("authorities file %q cannot be read: %w; name a PEM file that the gateway may read", path, errors.Unwrap(err))
	}
	certs, err := parseAuthorities(content, now)
	if err != nil {
		return nil, fmt.Errorf("authorities file %q: %w", path, err)
	}
	return certs, nil
}

func parseAuthorities(content []byte, now time.Time) ([]*x509.Certificate, error) {
	// pem.Decode passes over a block that it cannot read. An authority must not be missing without anybody being told.
	blocks := bytes.Count(content, []byte("-----BEGIN "))
	if blocks == 0 {
		return nil, errors.New("it holds no certificate; put in the PEM of the authority that signs the tenant's client certificates")
	}
	var certs []*x509.Certificate
	for number := 1; number <= blocks; number++ {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			return nil, fmt.Errorf("one of its %d PEM blocks cannot be read; copy the file again, whole", blocks)
		}
		cert, err := parseAuthority(block, now)
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", number, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

func parseAuthority(block *pem.Block, now time.Time) (*x509.Certificate, error) {
	if block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("it is a %s; an authorities file holds certificates alone, take it out", block.Type)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("it is no certificate: %w; copy the file again, whole", err)
	}
	if err := checkAuthority(cert, now); err != nil {
		return nil, fmt.Errorf("certificate %q %w", cert.Subject, err)
	}
	return cert, nil
}

func checkAuthority(c *x509.Certificate, now time.Time) error {
	switch broken := checkKey(c); {
	case !c.BasicConstraintsValid || !c.IsCA, c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("is not an authority: it may not sign certificates; put in the one that signs the clients', not a client's own")
	case now.After(c.NotAfter):
		return fmt.Errorf("expired on %s, nothing that it signed is believed; take it out, put in its successor", c.NotAfter.UTC().Format(time.RFC3339))
	case broken != "":
		return fmt.Errorf("has a key that is not allowed: %s; %s", broken, keyRule)
	}
	return nil
}

// roots tells the certificates that are trusted by themselves from those that another one in the file issued.
func roots(certs []*x509.Certificate) (anchors, intermediates []*x509.Certificate) {
	for _, c := range certs {
		if issuedBySomeOther(c, certs) {
			intermediates = append(intermediates, c)
		} else {
			anchors = append(anchors, c)
		}
	}
	return anchors, intermediates
}

func issuedBySomeOther(c *x509.Certificate, certs []*x509.Certificate) bool {
	for _, issuer := range certs {
		if !sameKey(c, issuer) && issued(issuer, c) {
			return true
		}
	}
	return false
}

// issued reports whether issuer's key signed c, going by the signature and not by what c says.
func issued(issuer, c *x509.Certificate) bool {
	return bytes.Equal(issuer.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(issuer) == nil
}

// Issued returns one of the authorities below that is among those above, by its key, or was issued by one of them; nil when there is none.
func Issued(above, below []*x509.Certificate) *x509.Certificate {
	for _, b := range below {
		for _, a := range above {
			if sameKey(a, b) || issued(a, b) {
				return b
			}
		}
	}
	return nil
}

func sameKey(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}
