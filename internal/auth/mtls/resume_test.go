package mtls_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls"
	made "portcullis/internal/listen/authority"
	"portcullis/internal/testnet"
)

// A resumed TLS session shows the certificate again and nobody looks at it: no chain, no time, no authority. The verifier does.
func TestAResumedSession(t *testing.T) {
	for name, version := range map[string]uint16{"1.3": tls.VersionTLS13, "1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { resume(t, version) })
		})
	}
}

func resume(t *testing.T, version uint16) {
	ours, theirs := newMade(t), newMade(t)
	edge := issue(t, ours, made.Leaf{DNS: []string{"edge.test"}, Server: true})
	ana := issue(t, ours, made.Leaf{URIs: []string{"spiffe://acme/ana"}, Client: true, NotAfter: time.Now().Add(time.Minute)})
	server := &tls.Config{Certificates: []tls.Certificate{edge.TLS}, ClientAuth: tls.RequestClientCert}
	client := &tls.Config{
		RootCAs: ours.Pool(), ServerName: "edge.test", Certificates: []tls.Certificate{ana.TLS},
		MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	before := newVerifier(t, authority(acme, certificate(t, ours)))
	after := newVerifier(t, authority(acme, certificate(t, theirs)))

	first := connect(t, client, server)
	if first.DidResume {
		t.Fatal("the first session was resumed")
	}
	again := connect(t, client, server)
	if !again.DidResume || len(again.PeerCertificates) != 1 || len(again.VerifiedChains) != 0 {
		t.Fatalf("got resumed %v with %d certificates, %d verified chains; want true, 1, 0", again.DidResume, len(again.PeerCertificates), len(again.VerifiedChains))
	}
	expect := func(v *mtls.Verifier, at tls.ConnectionState, now time.Time, want auth.Reason) {
		t.Helper()
		if _, err := v.Verify(t.Context(), shown(at.PeerCertificates...), now); auth.ReasonOf(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	expect(before, first, time.Now(), "")
	expect(before, again, time.Now(), "")
	expect(before, again, time.Now().Add(2*time.Minute), auth.CertificateExpired)
	expect(after, again, time.Now(), auth.CertificateUntrusted) // the tenant's authorities changed in between

	time.Sleep(2 * time.Minute)
	expect(before, connect(t, client, server), time.Now(), auth.CertificateExpired)
}

func connect(t *testing.T, client, server *tls.Config) tls.ConnectionState {
	t.Helper()
	near, far := testnet.Pipe(testnet.Buffer)
	c, s := tls.Client(near, client), tls.Server(far, server)
	defer c.Close()
	var greeting sync.WaitGroup
	greeting.Go(func() {
		_, _ = s.Write([]byte("x"))
		s.Close()
	})
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil { // a 1.3 ticket comes with the first byte
		t.Fatal(err)
	}
	greeting.Wait()
	return s.ConnectionState()
}

func newMade(t *testing.T) *made.Authority {
	t.Helper()
	a, err := made.New("ours")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *made.Authority, l made.Leaf) *made.Pair {
	t.Helper()
	p, err := a.Issue(l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func certificate(t *testing.T, a *made.Authority) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(a.PEM())
	return parse(t, block.Bytes)
}
