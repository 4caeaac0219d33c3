package mtls

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Extensions that make a list something else than a whole one of its own authority (RFC 5280, sections 5.2 and 5.3).
var (
	deltaIndicator      = asn1.ObjectIdentifier{2, 5, 29, 27}
	issuingDistribution = asn1.ObjectIdentifier{2, 5, 29, 28}
	crlNumber           = asn1.ObjectIdentifier{2, 5, 29, 20}
	authorityKeyID      = asn1.ObjectIdentifier{2, 5, 29, 35}
	reasonCode          = asn1.ObjectIdentifier{2, 5, 29, 21}
	invalidityDate      = asn1.ObjectIdentifier{2, 5, 29, 24}
)

// encoded returns the DER of each list in a file.
func encoded(text []byte) ([][]byte, error) {
	if !bytes.Contains(text, []byte("-----BEGIN ")) {
		return [][]byte{text}, nil
	}
	blocks := bytes.Count(text, []byte("-----BEGIN "))
	var all [][]byte
	for range blocks {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, fmt.Errorf("one of its %d PEM blocks cannot be read; copy the file again, whole", blocks)
		}
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("it holds a %s; a file of revocation lists holds X509 CRL alone, take it out", block.Type)
		}
		all = append(all, block.Bytes)
	}
	return all, nil
}

// usable says why a list that its authority signed cannot be used: it is not now, it is older than the one that counts, or it means something that is not read here.
func (l *Lists) usable(parsed *x509.RevocationList, of *x509.Certificate, now time.Time) error {
	switch {
	case parsed.NextUpdate.IsZero():
		return errors.New("does not say when the next one comes (nextUpdate); nobody could tell an old one from a new one")
	case parsed.ThisUpdate.After(now.Add(DefaultLeeway)):
		return fmt.Errorf("begins at %s; compare the clocks", parsed.ThisUpdate.UTC().Format(time.RFC3339))
	case !now.Before(parsed.NextUpdate.Add(DefaultLeeway)):
		return fmt.Errorf("ran out at %s; put in the next one", parsed.NextUpdate.UTC().Format(time.RFC3339))
	}
	if last := l.last(of); last != nil && parsed.Number != nil && last.Number != nil && parsed.Number.Cmp(last.Number) < 0 {
		return fmt.Errorf("has number %v, and %v was read before; an older list would let in again who was revoked", parsed.Number, last.Number)
	}
	for _, e := range parsed.Extensions {
		switch {
		case e.Id.Equal(deltaIndicator):
			return errors.New("is a delta; put in the whole list")
		case e.Id.Equal(issuingDistribution):
			return errors.New("is for a part of the certificates (issuingDistributionPoint); put in the whole list")
		case e.Critical && !e.Id.Equal(crlNumber) && !e.Id.Equal(authorityKeyID):
			return fmt.Errorf("has a critical extension %v that is not known here", e.Id)
		}
	}
	for _, entry := range parsed.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Critical && !e.Id.Equal(reasonCode) && !e.Id.Equal(invalidityDate) {
				return fmt.Errorf("has an entry with a critical extension %v that is not known here", e.Id)
			}
		}
	}
	return nil
}

// last returns the list of an authority that counts now.
func (l *Lists) last(of *x509.Certificate) *x509.RevocationList {
	current := l.current.Load()
	if current == nil {
		return nil
	}
	if known := (*current)[keyOf(of)]; known != nil {
		return known.number
	}
	return nil
}
