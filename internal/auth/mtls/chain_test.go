package mtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"portcullis/internal/auth"
)

// strangers is the dearest chain that costs a stranger nothing: three authorities of P-384, each of which really signed the next, and the last
// of which says that one of ours issued it.
func strangers(t testing.TB, ours signer) []*x509.Certificate {
	t.Helper()
	dear := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	forged := signer{&x509.Certificate{RawSubject: ours.cert.RawSubject, Subject: ours.cert.Subject, SubjectKeyId: ours.cert.SubjectKeyId}, newKey(t)}
	above, chain := forged, []*x509.Certificate(nil)
	for _, name := range []string{"a", "b", "c"} {
		key := dear()
		above = signer{sign(t, authorityTemplate(name), above.cert, &key.PublicKey, above.key), key}
		chain = append([]*x509.Certificate{above.cert}, chain...)
	}
	return append([]*x509.Certificate{above.leaf(t)}, chain...)
}

func TestAuthoritiesThatAClientSends(t *testing.T) {
	ours, strange := root(t, "ours"), root(t, "strange")
	sub := ours.sub(t, "sub")
	low := sub.sub(t, "low")
	forged := signer{&x509.Certificate{RawSubject: ours.cert.RawSubject, Subject: ours.cert.Subject, SubjectKeyId: ours.cert.SubjectKeyId}, strange.key}
	under := signer{&x509.Certificate{RawSubject: sub.cert.RawSubject, Subject: sub.cert.Subject, SubjectKeyId: sub.cert.SubjectKeyId}, strange.key}
	key, template := newKey(t), leafTemplate()
	client := signer{sign(t, template, ours.cert, &key.PublicKey, ours.key), key}
	v := newVerifier(t, authority(acme, ours.cert))
	for _, tt := range []struct {
		name  string
		chain []*x509.Certificate
		want  auth.Reason
	}{
		{"our own", []*x509.Certificate{low.leaf(t), low.cert, sub.cert}, ""},
		{"our own, and one of somebody else", []*x509.Certificate{low.leaf(t), low.cert, sub.cert, strange.cert}, ""},
		{"a stranger's that says it is ours", strangers(t, ours), auth.CertificateUntrusted},
		{"one of ours above a stranger's", []*x509.Certificate{forged.leaf(t), under.sub(t, "low").cert, sub.cert}, auth.CertificateUntrusted},
		{"a stranger's beside a client of ours", []*x509.Certificate{ours.leaf(t), forged.sub(t, "any").cert}, auth.CertificateUntrusted},
		{"a client of ours as the authority", []*x509.Certificate{client.leaf(t), client.sub(t, "below").cert, client.cert}, auth.CertificateUntrusted},
		{"one missing in between", []*x509.Certificate{low.leaf(t), low.cert}, auth.CertificateUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := v.Verify(t.Context(), shown(tt.chain...), noon); auth.ReasonOf(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// An authority of the tenant's own file is trusted as it stands there, and what it says of itself is not verified, also where a client sends it along: old
// roots signed themselves with SHA-1.
func TestAClientSendsARootWhoseOwnSignatureIsWorthNothing(t *testing.T) {
	old := withoutKeyID(t, root(t, "old"))
	if old.cert.CheckSignatureFrom(old.cert) == nil {
		t.Fatal("its signature is good")
	}
	if _, err := newVerifier(t, authority(acme, old.cert)).Verify(t.Context(), shown(old.leaf(t), old.cert), noon); err != nil {
		t.Error(err)
	}
}

// What a stranger's chain costs: one signature of ours, whatever the stranger signed below it.
func BenchmarkAStrangersChain(b *testing.B) {
	ours := root(b, "ours")
	v, c := newVerifier(b, authority(acme, ours.cert)), shown(strangers(b, ours)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), c, noon); auth.ReasonOf(err) != auth.CertificateUntrusted {
			b.Fatal(err)
		}
	}
}
