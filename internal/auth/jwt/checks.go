package jwt

import (
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/jws"
)

// admits asks whether a token of this kind is taken at all: by any of an issuer's entries before its signature is verified, by the one
// whose audience it names after.
func admits(t *jws.Token, algorithms, types []string) error {
	if !slices.Contains(algorithms, t.Header.Algorithm) {
		return auth.Refuse(auth.AlgNotAllowed, "alg %.16q is not one of %q", t.Header.Algorithm, algorithms)
	}
	if !slices.Contains(types, mediaType(t.Header.Type)) {
		return auth.Refuse(auth.TokenType, "typ %.64q is not one of %q", t.Header.Type, types)
	}
	if events, ok := t.Claims.Lookup("events"); ok && events.IsObject() {
		return auth.Refuse(auth.TokenType, "the token reports an event, such as a logout (RFC 8417); it gives nobody access")
	}
	return nil
}

// believes checks the claims of a token whose signature was verified.
func (e *entry) believes(t *jws.Token, c *auth.Credential, now time.Time) error {
	if err := admits(t, e.Algorithms, e.Types); err != nil {
		return err
	}
	if err := e.own(t.Claims.Subject); err != nil {
		return err
	}
	if err := e.inTime(&t.Claims, now); err != nil {
		return err
	}
	return possessed(t.Claims.Bound, c)
}

// possessed asks a bound token's sender for what the token is bound to (RFC 8705, section 3; RFC 9449, section 7): a copy of it alone is worth nothing.
func possessed(bound jws.Confirmation, c *auth.Credential) error {
	switch {
	case bound.Unknown:
		return auth.Refuse(auth.TokenBound, "the token has a cnf that asks for something unknown here")
	case bound.Key == "" && c.Method == auth.DPoP:
		return auth.Refuse(auth.TokenBound, "the token came with a DPoP proof, and is bound to no key (RFC 9449, section 7.1)")
	case bound.Key != "" && !same(bound.Key, c.Thumbprint):
		return auth.Refuse(auth.TokenBound, "the token is bound to the key %.43q and came with the proof of %.43q", bound.Key, c.Thumbprint)
	case bound.Certificate == "":
		return nil
	}
	shown, ok := c.Fingerprint()
	if !ok {
		return auth.Refuse(auth.TokenBound, "the token is bound to a certificate and came without one")
	}
	if !same(bound.Certificate, string(shown[:])) {
		return auth.Refuse(auth.TokenBound, "the token is bound to another certificate than the one that it came over")
	}
	return nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// own makes sure that a subject is the issuer's to name.
func (e *entry) own(subject string) error {
	for _, beginning := range e.foreign {
		if strings.HasPrefix(subject, beginning) {
			return auth.Refuse(auth.BadSubject, "sub begins with %q, which marks the users of another issuer or of certificates", beginning)
		}
	}
	return nil
}

// inTime checks the token's times. A time may be as far off as the leeway allows, on either side.
func (e *entry) inTime(c *jws.Claims, now time.Time) error {
	if end := c.Expires.Add(e.Leeway); !now.Before(end) {
		return auth.Refuse(auth.TokenExpired, "the token expired %v ago", now.Sub(c.Expires).Round(time.Second))
	}
	soonest := now.Add(e.Leeway)
	if c.NotBefore.After(soonest) {
		return auth.Refuse(auth.TokenNotYetValid, "the token is valid in %v (nbf)", c.NotBefore.Sub(now).Round(time.Second))
	}
	if c.IssuedAt.After(soonest) {
		return auth.Refuse(auth.TokenNotYetValid, "the token will be issued in %v (iat); compare the clocks", c.IssuedAt.Sub(now).Round(time.Second))
	}
	return e.shortLived(c.IssuedAt, c.Expires, now)
}

// shortLived checks a token's lifetime: all of it, or what is left where it does not say when it began.
func (e *entry) shortLived(issued, expires, now time.Time) error {
	if e.MaxLifetime == Unlimited {
		return nil
	}
	if issued.IsZero() {
		issued = now
	}
	if lifetime := expires.Sub(issued); lifetime > e.MaxLifetime {
		return auth.Refuse(auth.TokenTooLongLived, "the token lives for %v; the limit is %v", lifetime, e.MaxLifetime)
	}
	return nil
}
