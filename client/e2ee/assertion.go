package e2ee

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	assertionType = "e2ee-key+jwt"
	// maxAssertion bounds the text, and maxLife its life: a key that nobody vouches for anew once a year is one that nobody minds.
	maxAssertion = 16 << 10
	maxLife      = 366 * 24 * time.Hour
	maxSubject   = 1024
)

// algorithms are the ways in which an issuer may sign. No other is looked at: "none" and those with a shared secret are what forgers try (RFC 8725, section 3.1).
var algorithms = []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}

// assertion is what a JWT of the right form says, before anybody knows who signed it.
type assertion struct {
	signed
	alg, kid                   string
	issuer, subject, tenant    string
	issued, expires, notBefore time.Time
	keys                       value
}

func readAssertion(text string) (*assertion, error) {
	if len(text) > maxAssertion {
		return nil, fmt.Errorf("it has more than %d bytes", maxAssertion)
	}
	s, err := readSigned(text)
	if err != nil {
		return nil, err
	}
	a := &assertion{signed: s, alg: s.header.text("alg"), kid: s.header.text("kid")}
	_, critical := s.header.lookup("crit")
	switch {
	case critical:
		return nil, errors.New("its header has crit, and nothing critical is understood here (RFC 7515, section 4.1.11)")
	case !strings.EqualFold(s.header.text("typ"), assertionType):
		return nil, fmt.Errorf("typ is %.32q; it must be %s, so that no other token passes for one", s.header.text("typ"), assertionType)
	case !slices.Contains(algorithms, a.alg):
		return nil, fmt.Errorf("alg is %.16q; it must be one of %v", a.alg, algorithms)
	case a.kid == "":
		return nil, errors.New("its header has no kid, the id of the issuer's key")
	}
	return a, a.claims()
}

func (a *assertion) claims() error {
	o, err := readObject(a.payload)
	if err != nil {
		return fmt.Errorf("its claims: %w", err)
	}
	a.issuer, a.subject, a.tenant = o.text("iss"), o.text("sub"), o.text("tenant")
	if a.subject == "" || len(a.subject) > maxSubject || strings.ContainsFunc(a.subject, unicode.IsControl) {
		return fmt.Errorf("sub must be text of 1 to %d bytes without control characters", maxSubject)
	}
	for name, at := range map[string]*time.Time{"iat": &a.issued, "exp": &a.expires, "nbf": &a.notBefore} {
		v, there := o.lookup(name)
		if !there && name == "nbf" {
			continue
		}
		seconds, ok := v.integer()
		if !ok {
			return fmt.Errorf("%s must be there, in whole seconds since 1970", name)
		}
		*at = time.Unix(int64(seconds), 0)
	}
	if life := a.expires.Sub(a.issued); life <= 0 || life > maxLife {
		return fmt.Errorf("it lives from iat to exp for %v; that must be more than nothing and at most 366 days", life)
	}
	a.keys, _ = o.lookup("keys")
	return nil
}
