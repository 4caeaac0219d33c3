package auth

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
)

// tokenEntry begins the entry of Sec-WebSocket-Protocol that carries a token. It is never answered.
const tokenEntry = "bearer."

// Ways are the places, beside the Authorization header and TLS, in which a path takes a credential.
type Ways struct {
	Subprotocol bool // an entry bearer.<token> in Sec-WebSocket-Protocol
	Ticket      bool // ?ticket=
	DPoP        bool // Authorization: DPoP, with a proof beside it
}

// FromRequest returns the one credential that a request carries, and its subprotocols without the token's entry. chain is the client's certificate chain,
// as TLS or a trusted proxy carried it. None and two are errors that wrap a [*Refusal]. A certificate beside one token is fine: the token says who.
func FromRequest(r *http.Request, chain []*x509.Certificate, ways Ways) (c Credential, subprotocols []string, err error) {
	c.Chain = chain
	ticket, err := ticketOf(r.URL, ways)
	if err != nil {
		return c, nil, err
	}
	var inProtocol []string
	if ways.Subprotocol {
		subprotocols, inProtocol = splitProtocols(r.Header.Values("Sec-WebSocket-Protocol"))
	}
	inHeader, proven, err := authorization(r.Header.Values("Authorization"), ways)
	if err != nil {
		return c, nil, err
	}
	proofs := r.Header.Values("DPoP")
	switch n := len(inHeader) + len(inProtocol) + len(ticket); {
	case n > 1:
		return c, nil, Refuse(AmbiguousCredentials, "%d tokens: %d in Authorization, %d in Sec-WebSocket-Protocol, %d tickets", n, len(inHeader), len(inProtocol), len(ticket))
	case proven && len(proofs) != 1:
		return c, nil, Refuse(ProofInvalid, "there are %d DPoP headers beside a token of the scheme DPoP, which needs one (RFC 9449, section 4.3)", len(proofs))
	case proven:
		c.Method, c.Token, c.Proof = DPoP, inHeader[0], proofs[0]
	case len(inHeader) == 1:
		c.Method, c.Token = Bearer, inHeader[0]
	case len(inProtocol) == 1:
		c.Method, c.Token = Subprotocol, inProtocol[0]
	case len(ticket) == 1:
		c.Method, c.Ticket = Ticket, ticket[0]
	case len(c.Chain) > 0:
		c.Method = MutualTLS
	default:
		return c, nil, Refuse(MissingCredentials, "no token and no certificate")
	}
	return c, subprotocols, nil
}

// ticketOf reads the query, in which nothing but a ticket may stand. A token in a URL is written into logs, so that it is refused by whatever name.
func ticketOf(u *url.URL, ways Ways) ([]string, error) {
	if u.RawQuery == "" && !u.ForceQuery {
		return nil, nil
	}
	ticket, is := strings.CutPrefix(u.RawQuery, "ticket=")
	if !ways.Ticket || !is || strings.ContainsAny(ticket, "&;=%+.") {
		return nil, Refuse(CredentialInURL, "the request has a query that is no ticket: no other parameter is known, and a credential must not be in a URL")
	}
	return []string{ticket}, nil
}

// authorization reads the Authorization headers (RFC 6750, section 2.1, and RFC 9449, section 7.1). proven is true of the scheme DPoP.
func authorization(values []string, ways Ways) (tokens []string, proven bool, err error) {
	for _, v := range values {
		scheme, token, _ := strings.Cut(v, " ")
		switch {
		case strings.EqualFold(scheme, "Bearer"):
		case strings.EqualFold(scheme, "DPoP") && ways.DPoP:
			proven = true
		default:
			return nil, false, Refuse(TokenMalformed, "Authorization has a scheme that this path does not take")
		}
		tokens = append(tokens, strings.TrimLeft(token, " "))
	}
	return tokens, proven, nil
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
