package auth

import (
	"net/http"
	"strings"
)

// tokenEntry begins the entry of Sec-WebSocket-Protocol that carries a token. It is never answered.
const tokenEntry = "bearer."

// forwarded are the headers in which a balancer that ended TLS tells whose certificate it saw. No proxy is trusted to, so that their
// presence is an attempt to be somebody.
var forwarded = []string{
	"Client-Cert", "Client-Cert-Chain", // RFC 9440
	"X-Forwarded-Client-Cert",                                         // Envoy
	"X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info", // Traefik
	"X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert-Subject", // AWS
	"X-Ssl-Client-Cert", "Ssl-Client-Cert", "X-Client-Cert", "X-Ssl-Client-S-Dn", // nginx and HAProxy by habit
}

// FromRequest returns the one credential that a handshake carries, and its subprotocols without the token's entry. None and two are
// errors that wrap a [*Refusal]. A certificate beside one token is fine: the token says who.
func FromRequest(r *http.Request) (c Credential, subprotocols []string, err error) {
	for _, name := range forwarded {
		if _, there := r.Header[name]; there {
			return c, nil, Refuse(ForwardedIdentity, "header %s from %s, which is no trusted proxy", name, r.RemoteAddr)
		}
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return c, nil, Refuse(CredentialInURL, "the request has a query: no parameter is known, and a credential must not be in a URL")
	}
	if r.TLS != nil {
		c.Chain = r.TLS.PeerCertificates
	}
	offered, inProtocol := splitProtocols(r.Header.Values("Sec-WebSocket-Protocol"))
	inHeader, err := bearer(r.Header.Values("Authorization"))
	if err != nil {
		return c, nil, err
	}
	switch tokens := append(inHeader, inProtocol...); {
	case len(tokens) > 1:
		return c, nil, Refuse(AmbiguousCredentials, "%d tokens: %d in Authorization, %d in Sec-WebSocket-Protocol", len(tokens), len(inHeader), len(inProtocol))
	case len(inHeader) == 1:
		c.Method, c.Token = Bearer, inHeader[0]
	case len(inProtocol) == 1:
		c.Method, c.Token = Subprotocol, inProtocol[0]
	case len(c.Chain) > 0:
		c.Method = MutualTLS
	default:
		return c, nil, Refuse(MissingCredentials, "no token and no certificate")
	}
	return c, offered, nil
}

// bearer reads the Authorization headers (RFC 6750, section 2.1).
func bearer(values []string) (tokens []string, err error) {
	for _, v := range values {
		scheme, token, _ := strings.Cut(v, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, Refuse(TokenMalformed, "Authorization has a scheme other than Bearer")
		}
		tokens = append(tokens, strings.TrimLeft(token, " "))
	}
	return tokens, nil
}

// splitProtocols tells the subprotocols from the tokens among them.
func splitProtocols(values []string) (offered, tokens []string) {
	for _, v := range values {
		for entry := range strings.SplitSeq(v, ",") {
			entry = strings.Trim(entry, " \t")
			if token, ok := strings.CutPrefix(entry, tokenEntry); ok {
				tokens = append(tokens, token)
			} else if entry != "" {
				offered = append(offered, entry)
			}
		}
	}
	return offered, tokens
}
