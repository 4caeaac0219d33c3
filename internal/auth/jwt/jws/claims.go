package jws

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"portcullis/internal/auth"
)

// Claims are what a token says of its user. The fields are the registered claims (RFC 7519, section 4.1) that every token here must have
// in good form; All is everything, those included.
type Claims struct {
	Issuer    string
	Subject   string
	Expires   time.Time
	NotBefore time.Time // zero when absent
	IssuedAt  time.Time // zero when absent
	TokenID   string    // jti, empty when absent
	Session   string    // sid (OpenID Connect Front-Channel Logout, section 3), empty when absent
	Bound     Confirmation
	Granted   []Granted // what the token was narrowed to; nil when absent
	All       []Member
}

// Lookup returns the claim called name.
func (c *Claims) Lookup(name string) (Value, bool) { return object(c.All).lookup(name) }

func readClaims(all object) (Claims, error) {
	c := Claims{All: all}
	var err error
	if c.Issuer, err = readIssuer(all); err != nil {
		return c, err
	}
	if c.Subject, err = readSubject(all); err != nil {
		return c, err
	}
	if v, ok := all.lookup("aud"); ok {
		if _, ok := v.Texts(); !ok {
			return c, auth.Refuse(auth.TokenMalformed, "aud is neither text nor a list of texts")
		}
	}
	if c.Expires, err = readTime(all, "exp"); err != nil {
		return c, err
	}
	if c.NotBefore, err = readTime(all, "nbf"); err != nil {
		return c, err
	}
	if c.IssuedAt, err = readTime(all, "iat"); err != nil {
		return c, err
	}
	if c.Expires.IsZero() {
		return c, auth.Refuse(auth.TokenMalformed, "there is no exp; a token without an end is not taken")
	}
	if c.TokenID, err = readText(all, "jti"); err != nil {
		return c, err
	}
	if c.Session, err = readText(all, "sid"); err != nil {
		return c, err
	}
	c.Bound = readConfirmation(all)
	c.Granted, err = readGranted(all)
	return c, err
}

// readText returns a claim by which the token may be revoked later: one that is misread is none that anybody could name.
func readText(all object, name string) (string, error) {
	v, ok := all.lookup(name)
	if !ok {
		return "", nil
	}
	text, ok := v.Text()
	if !ok || text == "" || len(text) > maxSubject {
		return "", auth.Refuse(auth.TokenMalformed, "%s is no text of 1 to %d bytes", name, maxSubject)
	}
	return text, nil
}

func readIssuer(all object) (string, error) {
	v, ok := all.lookup("iss")
	if !ok {
		return "", auth.Refuse(auth.BadIssuer, "there is no iss")
	}
	issuer, ok := v.Text()
	if !ok {
		return "", auth.Refuse(auth.TokenMalformed, "iss is no text")
	}
	if issuer == "" {
		return "", auth.Refuse(auth.BadIssuer, "iss is empty")
	}
	return issuer, nil
}

// maxSubject is four times what OpenID Connect allows; a SPIFFE id fits as well.
const maxSubject = 1024

func readSubject(all object) (string, error) {
	v, ok := all.lookup("sub")
	if !ok {
		return "", auth.Refuse(auth.BadSubject, "there is no sub")
	}
	subject, ok := v.Text()
	if !ok {
		return "", auth.Refuse(auth.TokenMalformed, "sub is no text")
	}
	if subject == "" || len(subject) > maxSubject {
		return "", auth.Refuse(auth.BadSubject, "sub has %d bytes; it must have 1 to %d", len(subject), maxSubject)
	}
	if strings.ContainsFunc(subject, unicode.IsControl) {
		return "", auth.Refuse(auth.BadSubject, "sub has a control character")
	}
	return subject, nil
}

// What a time in a token may be: up to the last second of the year 9999 (beyond it, conversions wrap around), and no longer a number
// than a time needs.
const (
	maxTime     = 253402300799
	maxTimeSize = 32
)

// readTime returns the time in the claim called name, the zero time when there is none.
func readTime(all object, name string) (time.Time, error) {
	v, ok := all.lookup(name)
	if !ok {
		return time.Time{}, nil
	}
	if c := v[0]; c != '-' && (c < '0' || c > '9') {
		return time.Time{}, auth.Refuse(auth.TokenMalformed, "%s is no number", name)
	}
	seconds := math.NaN()
	if len(v) <= maxTimeSize {
		seconds, _ = strconv.ParseFloat(string(v), 64) // infinite when it is too large for a float
	}
	if !(seconds >= 0 && seconds <= maxTime) {
		return time.Time{}, auth.Refuse(auth.TokenMalformed, "%s is %.32q; it must be between 0 and %d", name, string(v), int64(maxTime))
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}
