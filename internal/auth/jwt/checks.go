package jwt

import (
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
func (e *entry) believes(t *jws.Token, now time.Time) error {
	if err := admits(t, e.Algorithms, e.Types); err != nil {
		return err
	}
	for _, beginning := range e.foreign {
		if strings.HasPrefix(t.Claims.Subject, beginning) {
			return auth.Refuse(auth.BadSubject, "sub begins with %q, which marks the users of another issuer or of certificates", beginning)
		}
	}
	if err := e.inTime(&t.Claims, now); err != nil {
		return err
	}
	if t.Claims.Bound {
		return auth.Refuse(auth.TokenBound, "the token has a cnf: it counts only with a proof of possession, which is not checked here")
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
	if e.MaxLifetime == Unlimited {
		return nil
	}
	from := c.IssuedAt
	if from.IsZero() {
		from = now
	}
	if lifetime := c.Expires.Sub(from); lifetime > e.MaxLifetime {
		return auth.Refuse(auth.TokenTooLongLived, "the token lives for %v; the limit is %v", lifetime, e.MaxLifetime)
	}
	return nil
}
