// Package proxy decides what is believed of a balancer in front of the gateway: where a request comes from, and whose certificate it was that the balancer saw.
//
// Everything that a proxy may say a client can write too, so that nothing is believed but what the configuration expects, from an address that it trusts; and a
// certificate only when the proxy has shown its own. From anybody else a header that forwards an identity is an attempt to be somebody.
package proxy

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"portcullis/internal/auth"
)

// Header is how a proxy forwards the certificate of its client.
type Header string

// The headers.
const (
	NoHeader Header = "none"
	RFC9440  Header = "rfc9440" // Client-Cert and Client-Cert-Chain
	XFCC     Header = "xfcc"    // X-Forwarded-Client-Cert, as Envoy writes it
)

// Config says whom to believe what. The zero Config believes nobody.
type Config struct {
	Trusted     []netip.Prefix // addresses whose X-Forwarded-For is believed
	Header      Header
	Authorities *x509.CertPool // of the proxies' own certificates; needed for a Header
}

// Trust is a [Config] at work. It is safe for concurrent use.
type Trust struct {
	// Set by New, then read-only.
	config Config

	// Guarded by mu.
	mu     sync.Mutex
	proven map[[sha256.Size]byte]time.Time // proxies whose certificates were verified, and until when that counts
}

// New checks a configuration. No authorities would mean the system's, that is, everybody's.
func New(c Config) (*Trust, error) {
	if c.Header == "" {
		c.Header = NoHeader
	}
	if c.Header != NoHeader && (c.Authorities == nil || len(c.Trusted) == 0) {
		return nil, fmt.Errorf("proxy.client_certificate_header is %s without trusted addresses and an authorities_file; a forwarded certificate is believed only "+
			"from a proxy that has both: give proxy.trusted and proxy.authorities_file", c.Header)
	}
	return &Trust{config: c, proven: make(map[[sha256.Size]byte]time.Time)}, nil
}

// Client is who sent a request, as far as the network can tell.
type Client struct {
	Address netip.Addr // the client's own; the zero Addr when it cannot be known
	Proxied bool       // a trusted proxy stands between
	// Chain is the client's certificate chain, the leaf first; nobody has verified it. nil when there is none.
	Chain []*x509.Certificate
}

// forwarding are the headers in which balancers tell whose certificate they saw, by standard and by habit.
var forwarding = []string{
	"Client-Cert", "Client-Cert-Chain", // RFC 9440
	"X-Forwarded-Client-Cert",                                         // Envoy
	"X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info", // Traefik
	"X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert-Subject", // AWS
	"X-Ssl-Client-Cert", "Ssl-Client-Cert", "X-Client-Cert", "X-Ssl-Client-S-Dn", // nginx and HAProxy by habit
}

// expected are the headers of each mode.
var expected = map[Header][]string{
	NoHeader: nil,
	RFC9440:  {"Client-Cert", "Client-Cert-Chain"},
	XFCC:     {"X-Forwarded-Client-Cert"},
}

// Read says who sent r. Its error is an [*auth.Refusal]; what is known of the client stands in the Client all the same.
func (t *Trust) Read(r *http.Request) (c Client, err error) {
	peer, known := addressOf(r.RemoteAddr)
	c.Address = peer
	if there, err := netip.ParseAddrPort(r.RemoteAddr); err == nil { // one with a zone is nobody's proxy, and its attempts count
		c.Address = there.Addr().WithZone("").Unmap()
	}
	if r.TLS != nil {
		c.Chain = r.TLS.PeerCertificates
	}
	if known && t.Trusts(peer) {
		c.Proxied = true
		c.Address = t.origin(peer, r.Header.Values("X-Forwarded-For"))
	}
	proven := c.Proxied && t.config.Header != NoHeader && t.provenProxy(c.Chain, time.Now())
	for _, name := range forwarding {
		if _, there := r.Header[name]; there && !(proven && slices.Contains(expected[t.config.Header], name)) {
			return c, auth.Refuse(auth.ForwardedIdentity, "header %s from %s, which may not send it", name, r.RemoteAddr)
		}
	}
	if !proven {
		return c, nil
	}
	// Its own certificate is the proxy's and never the client's, also where its client had none.
	c.Chain, err = t.forwarded(r.Header)
	if err != nil {
		return c, auth.Refuse(auth.ForwardedIdentity, "the certificate that %s forwards cannot be read: %w", r.RemoteAddr, err)
	}
	return c, nil
}

func (t *Trust) forwarded(h http.Header) ([]*x509.Certificate, error) {
	if t.config.Header == XFCC {
		return readXFCC(h.Values("X-Forwarded-Client-Cert"))
	}
	return readClientCert(h.Values("Client-Cert"), h.Values("Client-Cert-Chain"))
}

// Trusts reports whether an address is a proxy's.
func (t *Trust) Trusts(a netip.Addr) bool {
	return slices.ContainsFunc(t.config.Trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

const (
	// provenFor is how long the verification of a proxy's certificate counts, so that its handshakes cost no signature each.
	provenFor = time.Minute
	// maxProven bounds how many are remembered. Only certificates that were verified are: strangers cannot fill it.
	maxProven = 1024
)

// provenProxy reports whether the certificate that a peer showed to TLS is one of a proxy.
func (t *Trust) provenProxy(chain []*x509.Certificate, now time.Time) bool {
	if len(chain) == 0 || len(chain) > maxChain {
		return false
	}
	leaf := sha256.Sum256(chain[0].Raw)
	t.mu.Lock()
	until, known := t.proven[leaf]
	t.mu.Unlock()
	if known && now.Before(until) {
		return true
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: t.config.Authorities, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return false
	}
	t.remember(leaf, earlier(now.Add(provenFor), chain[0].NotAfter))
	return true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (t *Trust) remember(leaf [sha256.Size]byte, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.proven) >= maxProven {
		clear(t.proven)
	}
	t.proven[leaf] = until
}
