package authority

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"
)

// List makes the authority's revocation list with this number: PEM, from an hour ago until an end, of what it issued and takes back.
func (a *Authority) List(number int64, until time.Time, revoked ...*Pair) ([]byte, error) {
	l := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: until}
	if until.Before(l.ThisUpdate) {
		l.ThisUpdate = until.Add(-time.Hour)
	}
	for _, p := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: p.TLS.Leaf.SerialNumber, RevocationTime: l.ThisUpdate,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, a.certificate, a.key)
	if err != nil {
		return nil, fmt.Errorf("make list %d of %q: %w", number, a.certificate.Subject.CommonName, err)
	}
	return block("X509 CRL", der), nil
}
