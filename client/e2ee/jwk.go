package e2ee

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// JWK is a public key (RFC 7517) of the kinds that are used here: OKP with Ed25519 or X25519 (RFC 8037, section 2).
type JWK struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
}

const (
	ed25519Curve = "Ed25519"
	x25519Curve  = "X25519"
)

func publicJWK(curve string, key []byte) JWK { return JWK{"OKP", curve, encode(key)} }

// thumbprint is the id of a key, which follows from the key itself (RFC 7638; RFC 8037, section 2, names the members).
func thumbprint(curve string, key []byte) string {
	sum := sha256.Sum256([]byte(`{"crv":"` + curve + `","kty":"OKP","x":"` + encode(key) + `"}`))
	return encode(sum[:])
}

// secrets are the members that only private and symmetric keys have (RFC 7518, section 6; RFC 8037, section 2; "priv" is the name in newer key types).
var secrets = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

func (o object) secret() bool {
	return slices.ContainsFunc(o, func(f field) bool { return slices.Contains(secrets, f.name) })
}

// okp reads the public part of an OKP key.
func (o object) okp() (curve string, x []byte, err error) {
	if o.text("kty") != "OKP" {
		return "", nil, fmt.Errorf("kty is %.16q; it must be OKP", o.text("kty"))
	}
	if curve = o.text("crv"); curve != ed25519Curve && curve != x25519Curve {
		return "", nil, fmt.Errorf("crv is %.16q; it must be Ed25519 or X25519", curve)
	}
	if x, err = decodeExactly(o.text("x"), 32); err != nil {
		return "", nil, fmt.Errorf("x must be base64url of 32 bytes: %w", err)
	}
	return curve, x, nil
}

// private reads a private OKP key on curve: its 32 secret bytes, and the public ones that stand beside them.
func (o object) private(curve string) (d, x []byte, err error) {
	there, x, err := o.okp()
	if err != nil {
		return nil, nil, err
	}
	if there != curve {
		return nil, nil, fmt.Errorf("crv is %s; it must be %s", there, curve)
	}
	if d, err = decodeExactly(o.text("d"), 32); err != nil {
		return nil, nil, errors.New("d must be base64url of 32 bytes")
	}
	return d, x, nil
}

// public is what others know of a member: two keys and their ids.
type public struct {
	sign    ed25519.PublicKey
	agree   *ecdh.PublicKey
	signID  string
	agreeID string
}

func newPublic(sign ed25519.PublicKey, agree *ecdh.PublicKey) public {
	return public{sign, agree, thumbprint(ed25519Curve, sign), thumbprint(x25519Curve, agree.Bytes())}
}

// readPublic reads exactly one key to sign and one to be given channel keys.
func readPublic(keys value) (public, error) {
	if len(keys) == 0 || keys[0] != '[' {
		return public{}, errors.New("keys is no list")
	}
	byCurve := make(map[string][]byte)
	n := 0
	for element := range keys.elements() {
		n++
		o, ok := element.object()
		if !ok || o.secret() {
			return public{}, fmt.Errorf("keys[%d] is no public key: a private one must never leave its member", n-1)
		}
		curve, x, err := o.okp()
		if err != nil {
			return public{}, fmt.Errorf("keys[%d]: %w", n-1, err)
		}
		byCurve[curve] = x
	}
	if n != 2 || len(byCurve) != 2 {
		return public{}, fmt.Errorf("there are %d keys; there must be two, one Ed25519 and one X25519", n)
	}
	if weak(byCurve[ed25519Curve]) {
		return public{}, errors.New("the Ed25519 key: it is of small order, or not in its one spelling, and what it signs proves nothing")
	}
	agree, err := ecdh.X25519().NewPublicKey(byCurve[x25519Curve])
	if err != nil {
		return public{}, fmt.Errorf("the X25519 key: %w", err)
	}
	// A point of low order agrees with nobody (RFC 7748, section 6.1): one such member would keep a distributor from giving a key to anybody.
	if _, err := probe.ECDH(agree); err != nil {
		return public{}, fmt.Errorf("the X25519 key: %w", err)
	}
	return newPublic(byCurve[ed25519Curve], agree), nil
}

// probe is a private key that is used for nothing but to see whether others agree with one.
var probe = func() *ecdh.PrivateKey {
	key, err := ecdh.X25519().NewPrivateKey(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return key
}()
