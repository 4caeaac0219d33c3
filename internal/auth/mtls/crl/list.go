package crl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// list is what counts of one authority's revocation list (RFC 5280, section 5).
type list struct {
	authority string            // for people
	sum       [sha256.Size]byte // of the whole list
	number    *big.Int          // nil where it has none
	from      time.Time         // thisUpdate
	until     time.Time         // nextUpdate
	// revoked are the serial numbers that stand in it, for whatever reason: also those on hold, and those with removeFromCRL, which means something in a
	// delta alone.
	revoked map[string]struct{}
}

// leeway is for clocks that differ, as it is for tokens and certificates.
const leeway = 30 * time.Second

// ends returns until when it counts.
func (l *list) ends() time.Time { return l.until.Add(leeway) }

// Extensions that make a list something else than a whole one of its own authority (RFC 5280, sections 5.2 and 5.3), and those that are known.
var (
	deltaIndicator      = asn1.ObjectIdentifier{2, 5, 29, 27}
	issuingDistribution = asn1.ObjectIdentifier{2, 5, 29, 28}
	certificateIssuer   = asn1.ObjectIdentifier{2, 5, 29, 29}
	crlNumber           = asn1.ObjectIdentifier{2, 5, 29, 20}
	authorityKeyID      = asn1.ObjectIdentifier{2, 5, 29, 35}
	reasonCode          = asn1.ObjectIdentifier{2, 5, 29, 21}
	invalidityDate      = asn1.ObjectIdentifier{2, 5, 29, 24}
)

// encoded returns the DER of each list in a file.
func encoded(text []byte) ([][]byte, error) {
	blocks := bytes.Count(text, []byte("-----BEGIN "))
	if blocks == 0 {
		return [][]byte{text}, nil
	}
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

// read takes one list, and returns whose it is: the authority that signed it.
func read(der []byte, authorities []*x509.Certificate, now time.Time) (*x509.Certificate, *list, error) {
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, nil, fmt.Errorf("it is no revocation list: %w; copy the file again, whole, PEM or DER, and of version 2", err)
	}
	of, err := signer(parsed, authorities)
	if err != nil {
		return nil, nil, err
	}
	if err := whole(parsed); err != nil {
		return nil, nil, fmt.Errorf("the list of %q %w", of.Subject, err)
	}
	switch {
	case parsed.NextUpdate.IsZero():
		return nil, nil, fmt.Errorf("the list of %q does not say when the next one comes (nextUpdate), so that nobody could tell an old one; have it issued with one", of.Subject)
	case parsed.ThisUpdate.After(now.Add(leeway)):
		return nil, nil, fmt.Errorf("the list of %q begins at %s; compare the clocks", of.Subject, parsed.ThisUpdate.UTC().Format(time.RFC3339))
	}
	return of, index(parsed, of), nil
}

// signer finds the authority whose list it is, by the signature and not by what the list says.
func signer(parsed *x509.RevocationList, authorities []*x509.Certificate) (*x509.Certificate, error) {
	broken := fmt.Errorf("the list is of %q, which is not in the authorities file; take it out, or put the authority in", parsed.Issuer)
	for _, a := range authorities {
		if !bytes.Equal(a.RawSubject, parsed.RawIssuer) {
			continue
		}
		if a.KeyUsage != 0 && a.KeyUsage&x509.KeyUsageCRLSign == 0 {
			broken = fmt.Errorf("the list is of %q, which may not sign lists: its key usage has no cRLSign; issue its certificate again, with cRLSign", a.Subject)
			continue
		}
		err := parsed.CheckSignatureFrom(a)
		if err == nil {
			return a, nil
		}
		broken = fmt.Errorf("the list of %q is not signed by that authority: %w; copy the file again, whole, from the authority itself", a.Subject, err)
	}
	return nil, broken
}

// whole says why a list is not one of all certificates of its own authority, or may mean what is not read here.
func whole(parsed *x509.RevocationList) error {
	for _, e := range parsed.Extensions {
		switch {
		case e.Id.Equal(deltaIndicator):
			return errors.New("is a delta; put in the whole list")
		case e.Id.Equal(issuingDistribution):
			return errors.New("is for a part of the certificates (issuingDistributionPoint); put in the whole list")
		case e.Critical && !e.Id.Equal(crlNumber) && !e.Id.Equal(authorityKeyID):
			return fmt.Errorf("has the critical extension %v, which is not known here; have it issued without", e.Id)
		}
	}
	for _, entry := range parsed.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Id.Equal(certificateIssuer) {
				return errors.New("has an entry of another authority (certificateIssuer); put in each authority's own list")
			}
			if e.Critical && !e.Id.Equal(reasonCode) && !e.Id.Equal(invalidityDate) {
				return fmt.Errorf("has an entry with the critical extension %v, which is not known here; have it issued without", e.Id)
			}
		}
	}
	return nil
}

func index(parsed *x509.RevocationList, of *x509.Certificate) *list {
	l := &list{
		authority: of.Subject.String(),
		sum:       sha256.Sum256(parsed.Raw),
		number:    parsed.Number,
		from:      parsed.ThisUpdate,
		until:     parsed.NextUpdate,
		revoked:   make(map[string]struct{}, len(parsed.RevokedCertificateEntries)),
	}
	for _, e := range parsed.RevokedCertificateEntries {
		l.revoked[string(e.SerialNumber.Bytes())] = struct{}{}
	}
	return l
}

// follows says why l must not take the place of an authority's last list. An older one would let in again who was revoked since.
func (l *list) follows(last *list) error {
	if last == nil {
		return nil
	}
	if l.number != nil && last.number != nil && l.number.Cmp(last.number) < 0 {
		return fmt.Errorf("the list of %q has number %v, and %v was read before; put in the newest", l.authority, l.number, last.number)
	}
	if l.from.Before(last.from) {
		return fmt.Errorf("the list of %q is of %s, and one of %s was read before; put in the newest",
			l.authority, l.from.UTC().Format(time.RFC3339), last.from.UTC().Format(time.RFC3339))
	}
	return nil
}
