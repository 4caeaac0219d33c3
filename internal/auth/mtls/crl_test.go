package mtls_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portcullis/internal/auth/mtls"
	"portcullis/internal/auth/mtls/crl"
)

// list makes an authority's revocation list, as DER: number 1, of an hour ago, for a day, of nobody.
func (s signer) list(t testing.TB, bend ...func(*x509.RevocationList)) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(23 * time.Hour)}
	for _, b := range bend {
		b(template)
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, s.cert, s.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// revoking revokes certificates in the next list, which is a minute younger.
func revoking(certs ...*x509.Certificate) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.Number = new(big.Int).Add(l.Number, big.NewInt(1))
		l.ThisUpdate = l.ThisUpdate.Add(time.Minute)
		for _, c := range certs {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: noon})
		}
	}
}

// because says why, of all that are revoked.
func because(reason int) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		for i := range l.RevokedCertificateEntries {
			l.RevokedCertificateEntries[i].ReasonCode = reason
		}
	}
}

func until(end time.Time) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) { l.NextUpdate = end }
}

func numbered(n int64) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) { l.Number = big.NewInt(n) }
}

// extended adds an extension that holds nothing but a number.
func extended(critical bool, id ...int) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: []byte{2, 1, 1}})
	}
}

// extendedEntry adds an extension to the first entry.
func extendedEntry(critical bool, id ...int) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		e := &l.RevokedCertificateEntries[0]
		e.ExtraExtensions = append(e.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: []byte{2, 1, 1}})
	}
}

// oldList makes what no library would: a list without a next update, or of version 1, without a number.
func (s signer) oldList(t testing.TB, version int, next time.Time) []byte {
	t.Helper()
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	tbs, err := asn1.Marshal(pkix.TBSCertificateList{ //nolint:staticcheck // what replaced it refuses to make such lists
		Version: version, Signature: algorithm, Issuer: s.cert.Subject.ToRDNSequence(), ThisUpdate: noon.Add(-2 * time.Hour), NextUpdate: next,
	})
	if err != nil {
		t.Fatal(err)
	}
	signature, err := s.key.Sign(rand.Reader, hash(tbs), nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func crlPEM(ders ...[]byte) (text []byte) {
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	return text
}

// folder is one of files of lists.
type folder struct {
	t   testing.TB
	dir string
}

func newFolder(t testing.TB) folder { return folder{t, t.TempDir()} }

func (f folder) write(name string, content []byte) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// listed is authority for a tenant that has lists.
func listed(t testing.TB, a mtls.Authority, files ...string) mtls.Authority {
	t.Helper()
	lists, err := crl.Load(files, a.Certs, noon)
	if err != nil {
		t.Fatal(err)
	}
	a.Lists = lists
	return a
}

func serial(n int64) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.SerialNumber = big.NewInt(n) }
}
