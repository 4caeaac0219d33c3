package realm_test

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/config"
	"portcullis/internal/listen/authority"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// list writes a revocation list into the folder.
func (w *world) list(name string, ca *authority.Authority, number int64, until time.Time, revoked ...*authority.Pair) {
	w.t.Helper()
	text, err := ca.List(number, until, revoked...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(name, string(text))
}

func (w *world) pair(ca *authority.Authority) *authority.Pair {
	w.t.Helper()
	pair, err := ca.Issue(authority.Leaf{Client: true, URIs: []string{"spiffe://acme/device/7"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return pair
}

func withLists(files string) string {
	return strings.Replace(both, "acme-ca.pem", "acme-ca.pem, revocation_lists: ["+files+"]", 1)
}

// Whoever is connected with a certificate, alone or below a token, is asked about again when their tenant's list changed.
func TestARevokedCertificateEndsWhatWasVerifiedWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		device := w.pair(w.acmeCA)
		w.list("acme.crl", w.acmeCA, 1, time.Now().Add(time.Hour))
		s, problems := w.build(withLists("acme.crl"))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		changed := make(chan tenant.ID, 9)
		go realm.NewRegistry(s).Run(ctx, func(id tenant.ID) { changed <- id })

		chain := []*x509.Certificate{device.TLS.Leaf}
		var live []*auth.Principal
		for _, c := range []auth.Credential{
			{Method: auth.MutualTLS, Chain: chain},
			{Method: auth.Bearer, Token: w.acme.Token("ana"), Chain: chain},
			{Method: auth.Bearer, Token: w.acme.Token("ana")},
			{Method: auth.Bearer, Token: w.globex.Token("ana")},
		} {
			p, _, err := s.Authenticate(t.Context(), c, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			live = append(live, p)
		}
		w.list("acme.crl", w.acmeCA, 2, time.Now().Add(time.Hour), device)
		start := time.Now()
		if got := (<-changed).String(); got != "acme" || time.Since(start) > 2*time.Second {
			t.Errorf("heard of %s after %v, want acme after 2s", got, time.Since(start))
		}
		for i, want := range []auth.Reason{auth.CertificateRevoked, auth.CertificateRevoked, "", ""} {
			if err := s.CheckCertificate(live[i], time.Now()); auth.ReasonOf(err) != want {
				t.Errorf("principal %d: got %v, want %q", i, err, want)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestProblemsOfRevocationListsSayWhere(t *testing.T) {
	w := newWorld(t)
	day := time.Now().Add(24 * time.Hour)
	w.list("acme.crl", w.acmeCA, 1, day)
	w.list("globex.crl", w.globexCA, 1, day)
	w.list("over.crl", w.acmeCA, 1, time.Now().Add(-time.Hour))
	w.write("half.crl", "-----BEGIN X509 CRL-----\nAAAA")
	third, err := authority.New("third")
	if err != nil {
		t.Fatal(err)
	}
	w.write("two-ca.pem", string(w.acmeCA.PEM())+string(third.PEM()))
	tests := []struct {
		name, tenants string
		severity      config.Severity
		want          []string
	}{
		{"every file that is wrong", withLists("half.crl, acme.crl, globex.crl"), config.Error, []string{
			":7:70: tenants[0].certificates.revocation_lists[0]: revocation list", "half.crl", "copy the file again",
			":7:90: tenants[0].certificates.revocation_lists[2]: revocation list", "globex.crl", "not in the authorities file"}},
		{"one that is not there", withLists("none.crl"), config.Error, []string{":7:70: tenants[0].certificates.revocation_lists[0]: ", "none.crl", "no such file"}},
		{"one that is forgotten", strings.Replace(withLists("acme.crl"), "acme-ca.pem", "two-ca.pem", 1), config.Error, []string{
			":7:68: tenants[0].certificates.revocation_lists: there is no revocation list of authority", "CN=third", "put it in"}},
		{"one that ran out", withLists("over.crl"), config.Warning, []string{":7:69: warning: tenants[0].certificates.revocation_lists: the list of \"CN=acme\" ran out at", "put in the next one"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, problems := w.build(tt.tenants)
			if (s == nil) != (tt.severity == config.Error) {
				t.Fatalf("built: %v, with %v", s != nil, problems)
			}
			all := ""
			for _, p := range problems {
				all += p.String() + "\n"
			}
			for _, part := range tt.want {
				if !strings.Contains(all, part) {
					t.Errorf("got %swant ...%s...", all, part)
				}
			}
		})
	}
}

// A list that ran out is its tenant's misfortune alone: the gateway starts, and the others come in.
func TestATenantWhoseListRanOutKeepsNobodyElseOut(t *testing.T) {
	w := newWorld(t)
	w.list("acme.crl", w.acmeCA, 1, time.Now().Add(-time.Hour))
	s, problems := w.build(withLists("acme.crl"))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	for ca, want := range map[*authority.Authority]auth.Reason{w.acmeCA: auth.RevocationUnknown, w.globexCA: ""} {
		_, _, err := s.Authenticate(t.Context(), auth.Credential{Method: auth.MutualTLS, Chain: w.chain(ca, time.Now().Add(time.Hour))}, time.Now())
		if auth.ReasonOf(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSPIFFEIdentitiesOfATenant(t *testing.T) {
	w := newWorld(t)
	s, problems := w.build(strings.Replace(both, "acme-ca.pem", "acme-ca.pem, identity: spiffe, trust_domain: acme", 1))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	p, _, err := s.Authenticate(t.Context(), auth.Credential{Method: auth.MutualTLS, Chain: w.chain(w.acmeCA, time.Now().Add(time.Hour))}, time.Now())
	if err != nil || p.User != "cert|spiffe://acme/device/7" {
		t.Errorf("got %+v, %v; want cert|spiffe://acme/device/7", p, err)
	}
	s, problems = w.build(strings.Replace(both, "acme-ca.pem", "acme-ca.pem, identity: spiffe, trust_domain: prod.acme.example", 1))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	_, _, err = s.Authenticate(t.Context(), auth.Credential{Method: auth.MutualTLS, Chain: w.chain(w.acmeCA, time.Now().Add(time.Hour))}, time.Now())
	if auth.ReasonOf(err) != auth.CertificateIdentity {
		t.Errorf("another trust domain: got %v, want %s", err, auth.CertificateIdentity)
	}
}
