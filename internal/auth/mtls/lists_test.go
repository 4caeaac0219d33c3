package mtls_test

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls"
	"portcullis/internal/auth/mtls/crl"
)

func hash(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func TestWhoIsRevoked(t *testing.T) {
	ours, theirs := root(t, "ours"), root(t, "theirs")
	sub, sister, unlisted := ours.sub(t, "sub"), ours.sub(t, "sister"), ours.sub(t, "unlisted")
	ana, bob, hold, back, odd := ours.leaf(t), ours.leaf(t), ours.leaf(t), ours.leaf(t), ours.leaf(t, serial(0x80))
	subs := sub.leaf(t, serial(7))
	ender := ours.sub(t, "ender")
	files := newFolder(t)
	all := files.write("all.crl", crlPEM(
		ours.list(t, revoking(ana, odd, ender.cert)),
		sub.list(t, revoking(subs)),
		sister.list(t),
		ender.list(t),
	))
	other := files.write("other.crl", theirs.list(t, revoking(bob))) // DER; bob is not theirs
	v := newVerifier(t,
		listed(t, authority(acme, ours.cert, sub.cert, sister.cert, ender.cert), all),
		listed(t, authority(globe, theirs.cert), other))
	onHold := newVerifier(t, listed(t, authority(acme, ours.cert), files.write("hold.crl", ours.list(t, revoking(hold), because(6)))))
	whole := newVerifier(t, listed(t, authority(acme, ours.cert), files.write("back.crl", ours.list(t, revoking(back), because(8)))))
	tests := []struct {
		name  string
		v     *mtls.Verifier
		chain []*x509.Certificate
		want  auth.Reason
	}{
		{"nobody", v, []*x509.Certificate{ours.leaf(t)}, ""},
		{"the client", v, []*x509.Certificate{ana}, auth.CertificateRevoked},
		{"a serial number that begins with a zero byte", v, []*x509.Certificate{odd}, auth.CertificateRevoked},
		{"the client of a subordinate authority", v, []*x509.Certificate{subs}, auth.CertificateRevoked},
		{"the same serial number of its sister", v, []*x509.Certificate{sister.leaf(t, serial(7))}, ""},
		{"the same serial number of its superior", v, []*x509.Certificate{ours.leaf(t, serial(7))}, ""},
		{"the authority above the client", v, []*x509.Certificate{ender.leaf(t)}, auth.CertificateRevoked},
		{"a certificate that another tenant's list has", v, []*x509.Certificate{bob}, ""},
		{"the same serial number at another tenant", v, []*x509.Certificate{theirs.leaf(t, serial(0x80))}, ""},
		{"an authority that came with the client and has no list", v, []*x509.Certificate{unlisted.leaf(t), unlisted.cert}, auth.RevocationUnknown},
		{"on hold", onHold, []*x509.Certificate{hold}, auth.CertificateRevoked},
		{"taken back, which only a delta can say", whole, []*x509.Certificate{back}, auth.CertificateRevoked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.v.Verify(t.Context(), shown(tt.chain...), noon)
			if auth.ReasonOf(err) != tt.want {
				t.Errorf("alone: got %v, want %q", err, tt.want)
			}
			_, beside, err := tt.v.Tenant(t.Context(), tt.chain, noon)
			if auth.ReasonOf(err) != tt.want {
				t.Errorf("beside a token: got %v, want %q", err, tt.want)
			}
			if tt.want != "" {
				return
			}
			for _, c := range []*auth.Certificate{p.Certificate, beside} {
				if err := tt.v.Check(&auth.Principal{Tenant: p.Tenant, Certificate: c, Terms: p.Terms}, noon); err != nil {
					t.Errorf("asked again: %v", err)
				}
			}
		})
	}
}

// A tenant without lists is not asked for any, and one that has no authorities any more has no clients with certificates.
func TestCheckWithoutLists(t *testing.T) {
	ours := root(t, "ours")
	v := newVerifier(t, authority(acme, ours.cert))
	p, err := v.Verify(t.Context(), shown(ours.leaf(t)), noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Check(p, noon); err != nil {
		t.Errorf("without lists: %v", err)
	}
	if err := v.Check(&auth.Principal{Tenant: globe, Certificate: p.Certificate, Terms: p.Terms}, noon); auth.ReasonOf(err) != auth.CertificateUntrusted {
		t.Errorf("without authorities: got %v, want %s", err, auth.CertificateUntrusted)
	}
}

// An authority with two certificates, as when a root is replaced: where one of them was revoked the other carries its clients, and where both were, none does.
func TestARevokedCrossCertificate(t *testing.T) {
	ours, next := root(t, "ours"), root(t, "next")
	shared := ours.sub(t, "shared")
	across, leaf := next.cross(t, shared), shared.leaf(t)
	for _, tt := range []struct {
		name       string
		ours, next []*x509.Certificate
		want       auth.Reason
		authority  *x509.Certificate // above shared in the chain that is remembered; nil for any
	}{
		{"neither", nil, nil, "", nil},
		{"the old one", []*x509.Certificate{shared.cert}, nil, "", next.cert},
		{"the new one", nil, []*x509.Certificate{across}, "", ours.cert},
		{"both", []*x509.Certificate{shared.cert}, []*x509.Certificate{across}, auth.CertificateRevoked, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := newFolder(t).write("all.crl", crlPEM(ours.list(t, revoking(tt.ours...)), next.list(t, revoking(tt.next...)), shared.list(t)))
			v := newVerifier(t, listed(t, authority(acme, ours.cert, next.cert, shared.cert, across), file))
			p, err := v.Verify(t.Context(), shown(leaf), noon)
			if auth.ReasonOf(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if tt.authority == nil {
				return
			}
			links := p.Certificate.Links
			if len(links) != 2 || links[1].Authority != sha256.Sum256(tt.authority.RawSubjectPublicKeyInfo) {
				t.Errorf("the remembered chain of %d links does not end at %s", len(links), tt.authority.Subject)
			}
		})
	}
}

func TestAListCountsUntilItRanOut(t *testing.T) {
	ours := root(t, "ours")
	file := newFolder(t).write("acme.crl", ours.list(t, until(noon.Add(time.Minute))))
	v := newVerifier(t, listed(t, authority(acme, ours.cert), file))
	leaf := ours.leaf(t)
	end := noon.Add(time.Minute + mtls.DefaultLeeway)
	p, err := v.Verify(t.Context(), shown(leaf), end.Add(-1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), shown(leaf), end); auth.ReasonOf(err) != auth.RevocationUnknown {
		t.Errorf("got %v, want %s", err, auth.RevocationUnknown)
	}
	if err := v.Check(p, end); auth.ReasonOf(err) != auth.RevocationUnknown {
		t.Errorf("asked again: got %v, want %s", err, auth.RevocationUnknown)
	}
}

// A list that ran out keeps out its own authority's clients, and a start with it warns.
func TestAStartWithAListThatRanOut(t *testing.T) {
	ours, next := root(t, "ours"), root(t, "next")
	files := newFolder(t)
	a := listed(t, authority(acme, ours.cert, next.cert),
		files.write("ours.crl", ours.list(t, until(noon.Add(-time.Minute)))), files.write("next.crl", next.list(t, until(noon.Add(time.Minute)))))
	v := newVerifier(t, a)
	if _, err := v.Verify(t.Context(), shown(ours.leaf(t)), noon); auth.ReasonOf(err) != auth.RevocationUnknown {
		t.Errorf("got %v, want %s", err, auth.RevocationUnknown)
	}
	if _, err := v.Verify(t.Context(), shown(next.leaf(t)), noon); err != nil {
		t.Errorf("an authority whose list counts: %v", err)
	}
	got := a.Lists.Warnings(noon)
	want := []string{
		`the list of "CN=ours" ran out at 2026-01-01T11:59:00Z, and its certificates are refused; put in the next one`,
		`the list of "CN=next" runs out at 2026-01-01T12:01:00Z; put in the next one before`,
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got warnings %q, want %q", got, want)
	}
}

// Each row is a list that must not be believed, or a file that could not be; and what an operator is told.
func TestListsThatCannotBeUsed(t *testing.T) {
	ours, twin, strange := root(t, "ours"), root(t, "ours"), root(t, "strange")
	mute := ours.sub(t, "mute", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	able := signer{&x509.Certificate{RawSubject: mute.cert.RawSubject, Subject: mute.cert.Subject, SubjectKeyId: mute.cert.SubjectKeyId, KeyUsage: x509.KeyUsageCRLSign}, mute.key}
	ana := ours.leaf(t)
	good := ours.list(t, revoking(ana))
	changed := ours.list(t, revoking(ana))
	changed[len(changed)-1] ^= 1
	text := crlPEM(good)
	oursOnly := []*x509.Certificate{ours.cert}
	tests := []struct {
		name        string
		authorities []*x509.Certificate
		content     []byte
		want        []string // rule and remedy
	}{
		{"empty", oursOnly, nil, []string{"no revocation list", "copy the file again"}},
		{"garbage", oursOnly, []byte("garbage"), []string{"no revocation list", "copy the file again"}},
		{"half of a PEM file", oursOnly, text[:len(text)/2], []string{"one of its 1 PEM blocks", "copy the file again"}},
		{"half of a DER file", oursOnly, good[:len(good)/2], []string{"no revocation list", "copy the file again"}},
		{"half of a list in a whole block", oursOnly, crlPEM(good[:len(good)/2]), []string{"no revocation list", "copy the file again"}},
		{"a whole list and half of one", oursOnly, append(text[:len(text):len(text)], text[:len(text)/2]...), []string{"one of its 2 PEM blocks"}},
		{"a certificate", oursOnly, pemOf(ana), []string{"it holds a CERTIFICATE", "take it out"}},
		{"a changed byte", oursOnly, changed, []string{"not signed by that authority", "copy the file again"}},
		{"signed by another authority of this name", oursOnly, twin.list(t), []string{`"CN=ours" is not signed by that authority`}},
		{"of another tenant's authority", oursOnly, strange.list(t), []string{`"CN=strange", which is not in the authorities file`, "take it out, or put the authority in"}},
		{"of an authority that may not sign lists", []*x509.Certificate{ours.cert, mute.cert}, crlPEM(good, able.list(t)), []string{"no cRLSign", "issue its certificate again"}},
		{"a delta", oursOnly, ours.list(t, extended(true, 2, 5, 29, 27)), []string{"is a delta", "put in the whole list"}},
		{"a delta that hides it", oursOnly, ours.list(t, extended(false, 2, 5, 29, 27)), []string{"is a delta"}},
		{"for a part of the certificates", oursOnly, ours.list(t, extended(true, 2, 5, 29, 28)), []string{"issuingDistributionPoint", "put in the whole list"}},
		{"an extension that nobody knows", oursOnly, ours.list(t, extended(true, 1, 2, 3)), []string{"critical extension 1.2.3", "have it issued without"}},
		{"an entry of another authority", oursOnly, ours.list(t, revoking(ana), extendedEntry(true, 2, 5, 29, 29)), []string{"certificateIssuer", "each authority's own list"}},
		{"an entry with an extension that nobody knows", oursOnly, ours.list(t, revoking(ana), extendedEntry(true, 1, 2, 3)), []string{"critical extension 1.2.3"}},
		{"no end", oursOnly, ours.oldList(t, 1, time.Time{}), []string{"nextUpdate", "have it issued with one"}},
		{"version 1", oursOnly, ours.oldList(t, 0, noon.Add(time.Hour)), []string{"unsupported crl version", "of version 2"}},
		{"of tomorrow", oursOnly, ours.list(t, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = noon.Add(24*time.Hour), noon.Add(48*time.Hour)
		}), []string{"begins at 2026-01-02T12:00:00Z", "compare the clocks"}},
		{"two of one authority", oursOnly, crlPEM(good, ours.list(t)), []string{`a second list of "CN=ours"`, "keep the newer one"}},
		{"none of one authority", []*x509.Certificate{ours.cert, strange.cert}, good, []string{`no revocation list of authority "CN=strange"`, "put it in"}},
		{"more than there can be", oursOnly, append(good[:len(good):len(good)], make([]byte, 16<<20)...), []string{"more than 16777216 bytes", "issue certificates that live shorter"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := newFolder(t).write("acme.crl", tt.content)
			lists, err := crl.Load([]string{file}, tt.authorities, noon)
			if err == nil || lists != nil {
				t.Fatalf("got %v, %v; want an error", lists, err)
			}
			want := tt.want
			if tt.name != "none of one authority" {
				want = append(want, file)
			}
			for _, part := range want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
		})
	}
}

// An operator hears of every file at once, and which it is.
func TestEveryFileIsToldOf(t *testing.T) {
	ours, next := root(t, "ours"), root(t, "next")
	files := newFolder(t)
	names := []string{files.write("a.crl", []byte("x")), files.write("b.crl", next.list(t)), files.write("c.crl", ours.list(t)[:40])}
	_, err := crl.Load(names, []*x509.Certificate{ours.cert, next.cert}, noon)
	all, ok := err.(interface{ Unwrap() []error })
	if !ok || len(all.Unwrap()) != 2 {
		t.Fatalf("got %v, want two errors", err)
	}
	for i, e := range all.Unwrap() {
		if of, ok := errors.AsType[*crl.FileError](e); !ok || of.File != names[2*i] {
			t.Errorf("got %v, want one of %s", e, names[2*i])
		}
	}
}

// What openssl writes with -text stands before the block.
func TestAListWithTextBeforeIt(t *testing.T) {
	ours := root(t, "ours")
	ana := ours.leaf(t)
	file := newFolder(t).write("acme.crl", append([]byte("Certificate Revocation List (CRL):\n"), crlPEM(ours.list(t, revoking(ana)))...))
	v := newVerifier(t, listed(t, authority(acme, ours.cert), file))
	if _, err := v.Verify(t.Context(), shown(ana), noon); auth.ReasonOf(err) != auth.CertificateRevoked {
		t.Errorf("got %v, want %s", err, auth.CertificateRevoked)
	}
}

// Root and cross certificate of one key need one list: it is the key that signs.
func TestOneListForAKeyWithTwoCertificates(t *testing.T) {
	ours, next := root(t, "ours"), root(t, "next")
	file := newFolder(t).write("all.crl", crlPEM(ours.list(t), next.list(t)))
	if _, err := crl.Load([]string{file}, []*x509.Certificate{ours.cert, next.cert, ours.cross(t, next)}, noon); err != nil {
		t.Error(err)
	}
}
