// Package listen makes the TLS of the edge listener: versions and suites, a certificate that is taken anew when its file changes, and what the
// handshakes leave behind in metrics and log.
//
// It asks clients for certificates but believes none. Whoever handles the request verifies the chain of every connection, because TLS
// shows a certificate again on a resumed session without looking at it twice.
package listen

import "time"

// Observer hears what the listener does. Its methods are called from many goroutines at once and must not wait.
type Observer interface {
	// Handshake is a TLS handshake, full or resumed, that settled on a version (a tls.Version constant). Where a client shows
	// a certificate, its proof of possession is still to come.
	Handshake(version uint16)
	// HandshakeError is a TLS handshake that failed.
	HandshakeError(reason Reason)
	// CertificateLoaded is a certificate that is served from now on.
	CertificateLoaded(notAfter time.Time)
	// ReloadFailed is a changed file that could not be used; the last certificate is served further.
	ReloadFailed(err error)
}
