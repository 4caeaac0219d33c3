package listen

import (
	"crypto/tls"
	"log/slog"
	"slices"
)

// ClientCertificates says whether TLS asks a client for a certificate. In no case does TLS decide whose it is.
type ClientCertificates int

// The choices.
const (
	NoClientCertificates      ClientCertificates = iota // never
	RequestClientCertificates                           // a client without one may come with a token
	RequireClientCertificates                           // a client without one gets no further than TLS
)

// Options is what an operator decides about TLS.
type Options struct {
	CertificateFile string // PEM, the certificate first, then its intermediates
	KeyFile         string // PEM, without a passphrase

	TLS12              bool // also TLS 1.2, for clients that have nothing newer
	ClientCertificates ClientCertificates

	Observer Observer
	Logger   *slog.Logger
}

// suites are the TLS 1.2 suites with forward secrecy and authenticated encryption. Go's own list also has CBC with SHA-1.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// TLSConfig returns the TLS of a listener and the certificate that it serves. Its errors name the file, the rule and the remedy.
func TLSConfig(o Options) (*tls.Config, *Certificate, error) {
	certificate, err := loadCertificate(o.CertificateFile, o.KeyFile, o.Observer, o.Logger)
	if err != nil {
		return nil, nil, err
	}
	c := &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"http/1.1"}, // a WebSocket is an HTTP/1.1 upgrade; without h2 its floods have no way in
		GetCertificate: certificate.get,
		VerifyConnection: func(s tls.ConnectionState) error {
			o.Observer.Handshake(s.Version)
			return nil
		},
	}
	if o.TLS12 {
		c.MinVersion, c.CipherSuites = tls.VersionTLS12, slices.Clone(suites)
	}
	// Session tickets stay on: a ticket saves the client's proof of possession, never the gateway's verification.
	switch o.ClientCertificates {
	case RequestClientCertificates:
		c.ClientAuth = tls.RequestClientCert
	case RequireClientCertificates:
		c.ClientAuth = tls.RequireAnyClientCert
	}
	return c, certificate, nil
}
