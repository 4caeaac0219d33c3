package listen_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"portcullis/internal/listen"
	"portcullis/internal/listen/authority"
)

func TestAnOldClientIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		tls12  bool
		newest uint16
		want   uint16 // 0: refused
	}{
		{"1.3 by default", false, tls.VersionTLS13, tls.VersionTLS13},
		{"1.2 by default", false, tls.VersionTLS12, 0},
		{"1.3 where 1.2 is allowed", true, tls.VersionTLS13, tls.VersionTLS13},
		{"1.2 where it is allowed", true, tls.VersionTLS12, tls.VersionTLS12},
		{"1.1 where 1.2 is allowed", true, tls.VersionTLS11, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t, func(o *listen.Options) { o.TLS12 = tt.tls12 })
			client := e.client()
			client.MinVersion, client.MaxVersion = tls.VersionTLS10, tt.newest
			at, clientErr, _ := e.shake(client)
			if at.Version != tt.want {
				t.Errorf("got version %x, %v; want %x", at.Version, clientErr, tt.want)
			}
			if tt.want == 0 && (clientErr == nil || !strings.Contains(clientErr.Error(), "protocol version not supported")) {
				t.Errorf("the client heard %v, want the alert protocol_version", clientErr)
			}
		})
	}
}

// A client that has only one suite gets through with authenticated encryption and with nothing else.
func TestTLS12HasOnlyAEADSuites(t *testing.T) {
	e := newEdge(t, func(o *listen.Options) { o.TLS12 = true })
	want := map[uint16]bool{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       true,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       true,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: true,
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if strings.HasPrefix(suite.Name, "TLS_AES") || strings.HasPrefix(suite.Name, "TLS_CHACHA20") || strings.Contains(suite.Name, "_RSA_") {
			continue // of 1.3, or not for this certificate
		}
		client := e.client()
		client.MaxVersion, client.CipherSuites = tls.VersionTLS12, []uint16{suite.ID}
		at, clientErr, _ := e.shake(client)
		if got := at.Version != 0; got != want[suite.ID] {
			t.Errorf("%s: connected is %v (%v), want %v", suite.Name, got, clientErr, want[suite.ID])
		}
	}
	if len(e.config.CipherSuites) != 6 {
		t.Errorf("got %d suites, want 6: three for each kind of certificate", len(e.config.CipherSuites))
	}
	for _, id := range e.config.CipherSuites {
		if name := tls.CipherSuiteName(id); !strings.HasPrefix(name, "TLS_ECDHE_") || strings.Contains(name, "_CBC_") {
			t.Errorf("%s is offered", name)
		}
	}
}

func TestKeyExchangeIsGosDefault(t *testing.T) {
	e := newEdge(t, nil)
	at, clientErr, _ := e.shake(e.client())
	if clientErr != nil || at.CurveID != tls.X25519MLKEM768 {
		t.Errorf("got %v, %v; want %v", at.CurveID, clientErr, tls.X25519MLKEM768)
	}
}

func TestHTTP2IsNotSpoken(t *testing.T) {
	e := newEdge(t, nil)
	client := e.client()
	client.NextProtos = []string{"h2", "http/1.1"}
	if at, clientErr, _ := e.shake(client); clientErr != nil || at.NegotiatedProtocol != "http/1.1" {
		t.Errorf("got %q, %v; want http/1.1", at.NegotiatedProtocol, clientErr)
	}
}

func TestHandshakesAreCountedByVersionResumedOnesToo(t *testing.T) {
	e := newEdge(t, func(o *listen.Options) { o.TLS12 = true })
	client := e.client()
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	old := e.client()
	old.MaxVersion = tls.VersionTLS12
	for i, c := range []*tls.Config{client, client, old} {
		at, clientErr, serverErr := e.shake(c)
		if clientErr != nil || serverErr != nil || at.DidResume != (i == 1) {
			t.Fatalf("handshake %d: resumed is %v, %v, %v", i+1, at.DidResume, clientErr, serverErr)
		}
	}
	want := []uint16{tls.VersionTLS13, tls.VersionTLS13, tls.VersionTLS12}
	if got := e.record.versions; len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %x, want %x", got, want)
	}
}

// TLS lets every certificate through: whose it is, is the handler's question. What TLS does prove is that the client has the key.
func TestClientCertificates(t *testing.T) {
	stranger := newAuthority(t)
	shown := issue(t, stranger, authority.Leaf{URIs: []string{"spiffe://stranger/x"}, Client: true})
	other := issue(t, stranger, authority.Leaf{URIs: []string{"spiffe://stranger/y"}, Client: true})
	stolen := shown.TLS
	stolen.PrivateKey = other.TLS.PrivateKey
	tests := []struct {
		name      string
		ask       listen.ClientCertificates
		shown     *tls.Certificate
		seen      int
		connected bool
	}{
		{"not asked for, not seen", listen.NoClientCertificates, &shown.TLS, 0, true},
		{"requested and shown", listen.RequestClientCertificates, &shown.TLS, 1, true},
		{"requested and missing", listen.RequestClientCertificates, nil, 0, true},
		{"required and shown", listen.RequireClientCertificates, &shown.TLS, 1, true},
		{"required and missing", listen.RequireClientCertificates, nil, 0, false},
		{"stolen, without its key", listen.RequestClientCertificates, &stolen, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEdge(t, func(o *listen.Options) { o.ClientCertificates = tt.ask })
			client := e.client()
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if tt.shown == nil {
					return new(tls.Certificate), nil
				}
				return tt.shown, nil
			}
			at, clientErr, serverErr := e.shake(client)
			if connected := clientErr == nil && serverErr == nil; connected != tt.connected || len(at.PeerCertificates) != tt.seen {
				t.Errorf("got connected %v with %d certificates (%v, %v), want %v with %d",
					connected, len(at.PeerCertificates), clientErr, serverErr, tt.connected, tt.seen)
			}
		})
	}
}
