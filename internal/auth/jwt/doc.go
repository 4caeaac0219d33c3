// Package jwt verifies tokens (RFC 7519, with RFC 8725 and RFC 9068): a [Verifier] decides whose tenant and user a token speaks for.
//
// One reading decides. The strict reader in jws reads a token once, and everything here works on what it read; golang-jwt contributes
// its algorithms, and its parser, which is more lenient, reads nothing. Keys come from jwks. Tokens are made in mint.
//
// A token is looked at in this order, and the first failure is the reason of the refusal:
//
//	its form                 no configuration, no cryptography
//	iss                      exact text; it chooses the settings, and nothing in a token ever makes a URL
//	alg, typ                 one of the issuer's entries must take them
//	key                      by kid in this issuer's own set, fit for alg
//	signature                behind a short queue, so that a flood of tokens cannot take all cores
//	audience                 chooses the tenant, and with it the entry that alg and typ must suit
//	sub                      must not look like another issuer's user
//	exp, nbf, iat, lifetime  so that token_expired means: it was good once
//	cnf                      the certificate and the DPoP key that it asks for must have been shown; anything else that it asks for is a refusal
package jwt
