package proxy

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// maxChain is how many certificates a client's chain may have: a leaf, two intermediates, and the root that some send along.
const maxChain = 4

// readClientCert reads the headers of RFC 9440, section 2: one byte sequence (RFC 9651, section 3.3.5), and a list of them. No header is no certificate.
func readClientCert(leaf, chain []string) ([]*x509.Certificate, error) {
	switch {
	case len(leaf) == 0 && len(chain) == 0:
		return nil, nil
	case len(leaf) != 1:
		return nil, fmt.Errorf("there are %d Client-Cert headers; there must be one", len(leaf))
	}
	first, err := byteSequence(leaf[0])
	if err != nil {
		return nil, fmt.Errorf("header Client-Cert: %w", err)
	}
	certs := []*x509.Certificate{first}
	for _, header := range chain {
		for item := range strings.SplitSeq(header, ",") { // base64 has no comma
			c, err := byteSequence(item)
			if err != nil {
				return nil, fmt.Errorf("header Client-Cert-Chain: %w", err)
			}
			if certs = append(certs, c); len(certs) > maxChain {
				return nil, fmt.Errorf("the chain has more than %d certificates", maxChain)
			}
		}
	}
	return certs, nil
}

// byteSequence reads one certificate, which stands between colons in base64. A parameter behind it would be one that nobody knows.
func byteSequence(s string) (*x509.Certificate, error) {
	s = strings.Trim(s, " \t")
	inner, opened := strings.CutPrefix(s, ":")
	inner, closed := strings.CutSuffix(inner, ":")
	if !opened || !closed || strings.ContainsAny(inner, "\r\n") {
		return nil, errors.New("it is no byte sequence; write the certificate's DER in base64 between two colons")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(inner)
	if err != nil {
		return nil, fmt.Errorf("it is no canonical base64: %w", err)
	}
	return x509.ParseCertificate(der)
}
