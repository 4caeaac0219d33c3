package auth

import (
	"crypto/x509"
	"log/slog"
)

// Method is how a credential was presented. The set is closed.
type Method string

// The methods.
const (
	Bearer      Method = "bearer"      // Authorization header (RFC 6750, section 2.1)
	Subprotocol Method = "subprotocol" // an entry bearer.<jwt> in Sec-WebSocket-Protocol
	Certificate Method = "certificate" // TLS client certificate alone
)

// Credential is what a client showed to say who it is: a token, a certificate chain, or a token over a certificate.
type Credential struct {
	Method Method
	Token  string
	// Chain is the client's certificate chain as TLS carried it, the leaf first. TLS proved possession of the leaf's key;
	// nobody has verified the chain yet.
	Chain []*x509.Certificate
}

// LogValue shows how a credential came, never what it was.
func (c Credential) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("method", string(c.Method)),
		slog.Int("token_bytes", len(c.Token)),
		slog.Int("certificates", len(c.Chain)),
	)
}
