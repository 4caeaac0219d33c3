package e2ee

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// strict refuses bits that stand for nothing (RFC 4648, section 3.5): two texts of one message would be one too many.
var strict = base64.RawURLEncoding.Strict()

var errBase64 = errors.New("it is no base64url without padding, line ends and spare bits")

// decode reads base64url. Go's decoder skips line ends wherever they stand.
func decode(text string) ([]byte, error) {
	b, err := strict.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, errBase64
	}
	return b, nil
}

// decodeExactly reads base64url of size bytes.
func decodeExactly(text string, size int) ([]byte, error) {
	if len(text) != strict.EncodedLen(size) {
		return nil, errBase64
	}
	return decode(text)
}

func encode(b []byte) string { return strict.EncodeToString(b) }

// id reports whether text has the form of a key's id: base64url of 32 bytes.
func id(text string) bool {
	_, err := decodeExactly(text, 32)
	return err == nil
}

// maxHeader bounds the JSON of a protected header inside a message, and of a grant's. The outer one of a message is shorter, as the gateway asks.
const (
	maxHeader = 8 << 10
	maxOuter  = 1 << 10
)

// protected reads a protected header (RFC 7515, section 4; RFC 7516, section 4).
func protected(part string, most int) (object, error) {
	if len(part) > strict.EncodedLen(most) {
		return nil, errors.New("it is too long")
	}
	text, err := decode(part)
	if err != nil {
		return nil, err
	}
	return readObject(text)
}

// signed is a JWS in the compact serialization (RFC 7515, section 7.1), cut and decoded, not verified.
type signed struct {
	header    object
	payload   []byte
	input     []byte // what the signature is over
	signature []byte
}

func readSigned(text string) (signed, error) {
	head, rest, _ := strings.Cut(text, ".")
	body, tail, three := strings.Cut(rest, ".")
	if !three {
		return signed{}, errors.New("it is no JWS of three parts")
	}
	s := signed{input: []byte(text[:len(head)+1+len(body)])}
	var err error
	if s.header, err = protected(head, maxHeader); err != nil {
		return signed{}, fmt.Errorf("the header of the JWS: %w", err)
	}
	if s.payload, err = decode(body); err != nil {
		return signed{}, fmt.Errorf("the payload of the JWS: %w", err)
	}
	if s.signature, err = decode(tail); err != nil { // a fourth part is none either: a dot is no base64url
		return signed{}, fmt.Errorf("the signature of the JWS: %w", err)
	}
	return s, nil
}
