package mtls_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"portcullis/internal/auth/mtls/crl"
)

// Whatever stands in a file of revocation lists, reading it does not panic; and every list that is taken was signed by the authority, as it stands there and
// whole: crypto/x509 finds its signature good, it is no delta, and whoever it revokes is revoked.
func FuzzLists(f *testing.F) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32)) // every worker's is the same
	if err != nil {
		f.Fatal(err)
	}
	template := authorityTemplate("ours")
	ours, strange := signer{sign(f, template, template, &key.PublicKey, key), key}, root(f, "strange")
	ana := ours.leaf(f, serial(0x80))
	good := ours.list(f, revoking(ana))
	text := crlPEM(good)
	for _, seed := range [][]byte{
		good, text, good[:len(good)/2], text[:len(text)/2], {}, []byte("-----BEGIN X509 CRL-----"), crlPEM(good, good), crlPEM(good, strange.list(f)),
		strange.list(f), pemOf(ours.cert), ours.list(f), ours.list(f, extended(true, 2, 5, 29, 27)), ours.list(f, extended(true, 2, 5, 29, 28)),
		ours.list(f, revoking(ana), extendedEntry(true, 2, 5, 29, 29)), append([]byte("text\n"), text...), append(good[:len(good):len(good)], 0),
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		lists, err := crl.Load([]string{folder{t, dir}.write("acme.crl", content)}, []*x509.Certificate{ours.cert}, noon)
		if err != nil {
			return
		}
		der := content
		if block, _ := pem.Decode(content); block != nil {
			der = block.Bytes
		}
		taken, err := x509.ParseRevocationList(der)
		if err != nil || taken.CheckSignatureFrom(ours.cert) != nil {
			t.Fatalf("a list was taken that the authority did not sign: %x", content)
		}
		for _, e := range taken.Extensions {
			if e.Id.String() == "2.5.29.27" || e.Id.String() == "2.5.29.28" {
				t.Fatalf("a list was taken that is not whole: %x", content)
			}
		}
		a := authority(acme, ours.cert)
		a.Lists = lists
		v := newVerifier(t, a)
		_, err = v.Verify(t.Context(), shown(ana), noon)
		if revoked := len(taken.RevokedCertificateEntries) > 0; revoked != (err != nil) {
			t.Errorf("got %v of somebody who is revoked: %v", err, revoked)
		}
	})
}
