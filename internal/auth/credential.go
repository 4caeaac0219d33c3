package auth

import (
	"crypto/sha256"
	"crypto/x509"
	"log/slog"
)

// Method is how a credential was presented. The set is closed.
type Method string

// The methods.
const (
	Bearer      Method = "bearer"      // Authorization header (RFC 6750, section 2.1)
	Subprotocol Method = "subprotocol" // an entry bearer.<jwt> in Sec-WebSocket-Protocol
	MutualTLS   Method = "certificate" // TLS client certificate alone
	Ticket      Method = "ticket"      // single use, in the query: what a browser can carry
	DPoP        Method = "dpop"        // Authorization header with a proof beside it (RFC 9449, section 7.1)
)

// Methods lists every method, for label sets that are created at zero.
var Methods = []Method{Bearer, Subprotocol, MutualTLS, Ticket, DPoP}

// Credential is what a client showed to say who it is: a token, a ticket, a certificate chain, or a token over a certificate.
type Credential struct {
	Method Method
	Token  string
	Ticket string // in place of a token
	Proof  string // the DPoP proof beside a token, not read yet
	// Thumbprint is of the key that signed a proof which was verified (RFC 7638, SHA-256, base64url); empty without one.
	Thumbprint string
	// Chain is the client's certificate chain as TLS, or a trusted proxy, carried it, the leaf first. TLS proved possession of the leaf's key;
	// nobody has verified the chain yet.
	Chain []*x509.Certificate
	// Shown is the certificate that this connection showed earlier, in place of a chain: verified then, and still the client's.
	Shown *Certificate
}

// Fingerprint returns the SHA-256 of the certificate that came with the credential, false where none did.
func (c *Credential) Fingerprint() (sum [sha256.Size]byte, ok bool) {
	switch {
	case len(c.Chain) > 0:
		return sha256.Sum256(c.Chain[0].Raw), true
	case c.Shown != nil:
		return c.Shown.Fingerprint, true
	}
	return sum, false
}

// LogValue shows how a credential came, never what it was.
func (c Credential) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("method", string(c.Method)),
		slog.Int("token_bytes", len(c.Token)+len(c.Ticket)),
		slog.Int("certificates", len(c.Chain)),
	)
}
