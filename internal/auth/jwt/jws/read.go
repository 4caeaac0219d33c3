package jws

import (
	"encoding/base64"
	"strings"

	"portcullis/internal/auth"
)

// MaxSize is the longest token in bytes. It also bounds all that is derived from one: the work of reading it, and the texts of
// its claims that live as long as a session.
const MaxSize = 8 << 10

// Token is a token that was read, and not yet believed.
type Token struct {
	Header    Header
	Claims    Claims
	Signed    string // the part of the token that the signature covers
	Signature []byte // may be empty, as it is with alg none
}

// encoding refuses padding and trailing bits. It skips line breaks without a word: [decode] looks for them.
var encoding = base64.RawURLEncoding.Strict()

// Read reads a token in the compact form. Its error is an [auth.Refusal].
func Read(token string) (*Token, error) {
	p, err := split(token)
	if err != nil {
		return nil, err
	}
	t := &Token{Signed: p.signed}
	if t.Signature, err = decode("signature", p.signature); err != nil {
		return nil, err
	}
	header, err := open("header", p.header)
	if err != nil {
		return nil, err
	}
	if t.Header, err = readHeader(header); err != nil {
		return nil, err
	}
	claims, err := open("claims", p.claims)
	if err != nil {
		return nil, err
	}
	if t.Claims, err = readClaims(claims); err != nil {
		return nil, err
	}
	return t, nil
}

// parts are the three segments of a token, still encoded.
type parts struct{ header, claims, signature, signed string }

// split cuts a token at its dots. It counts them first, so that eight kilobytes of dots cost nothing.
func split(token string) (parts, error) {
	if len(token) > MaxSize {
		return parts{}, auth.Refuse(auth.TokenTooLarge, "the token has %d bytes; the limit is %d", len(token), MaxSize)
	}
	if n := strings.Count(token, ".") + 1; n != 3 {
		return parts{}, auth.Refuse(auth.TokenMalformed, "the token has %d segments; a signed token in the compact form has 3", n)
	}
	header, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	return parts{header, claims, signature, token[:len(token)-len(signature)-1]}, nil
}

// open decodes one segment and reads the JSON object in it.
func open(what, segment string) (object, error) {
	text, err := decode(what, segment)
	if err != nil {
		return nil, err
	}
	return parse(what, text)
}

func decode(what, segment string) ([]byte, error) {
	if strings.ContainsAny(segment, "\r\n") {
		return nil, auth.Refuse(auth.TokenMalformed, "the %s has a line break in its base64url", what)
	}
	text, err := encoding.DecodeString(segment)
	if err != nil {
		return nil, auth.Refuse(auth.TokenMalformed, "the %s is no canonical base64url without padding: %w", what, err)
	}
	return text, nil
}
