package e2ee

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// RSA keys below are weak (RFC 7518, section 3.3), those above cost a reader what the writer likes.
const (
	minRSABits = 2048
	maxRSABits = 4096
)

// issuerKey is one key and what it signs with.
type issuerKey struct {
	public     crypto.PublicKey
	algorithms []string
}

// issuerKey reads a public key that may sign assertions, or says why it does not.
func (o object) issuerKey() (*issuerKey, error) {
	use, used := o.lookup("use")
	if text, _ := use.text(); used && text != "sig" {
		return nil, errors.New("its use is not sig")
	}
	if o.text("kid") == "" || o.secret() {
		return nil, errors.New("it has no kid, or its private part is published")
	}
	k := new(issuerKey)
	var err error
	switch o.text("kty") {
	case "RSA":
		k.algorithms = []string{"RS256", "PS256"}
		k.public, err = o.rsa()
	case "EC":
		k.algorithms = []string{"ES256"}
		if o.text("crv") == "P-384" {
			k.algorithms = []string{"ES384"}
		}
		k.public, err = o.ecdsa()
	case "OKP":
		k.algorithms = []string{"EdDSA"}
		var curve string
		var x []byte
		if curve, x, err = o.okp(); err == nil && curve != ed25519Curve {
			err = errors.New("a key on X25519 signs nothing")
		}
		k.public = ed25519.PublicKey(x)
	default:
		err = fmt.Errorf("kty %.16q is not used", o.text("kty"))
	}
	if err != nil {
		return nil, err
	}
	return k, k.narrow(o)
}

// narrow leaves the algorithm that the key itself says it is for (RFC 7517, section 4.4). Ed25519 is the newer name of what EdDSA means here (RFC 9864).
func (k *issuerKey) narrow(o object) error {
	v, there := o.lookup("alg")
	if !there {
		return nil
	}
	alg, _ := v.text()
	if alg == "Ed25519" {
		alg = "EdDSA"
	}
	if !slices.Contains(k.algorithms, alg) {
		return fmt.Errorf("its alg is %.16q; a key of this kind is used with %v", alg, k.algorithms)
	}
	k.algorithms = []string{alg}
	return nil
}

func (o object) rsa() (*rsa.PublicKey, error) {
	if len(o.text("n")) > strict.EncodedLen(maxRSABits/8) || len(o.text("e")) > strict.EncodedLen(4) {
		return nil, fmt.Errorf("an RSA key has %d to %d bits and an exponent below 2^31", minRSABits, maxRSABits)
	}
	n, err := decode(o.text("n"))
	if err != nil {
		return nil, err
	}
	e, err := decode(o.text("e"))
	if err != nil {
		return nil, err
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if bits := key.N.BitLen(); bits < minRSABits || key.E < 3 || key.E > 1<<31-1 || key.E%2 == 0 {
		return nil, fmt.Errorf("an RSA key of %d bits with exponent %d is not used", bits, key.E)
	}
	return key, nil
}

func (o object) ecdsa() (*ecdsa.PublicKey, error) {
	curve, size := elliptic.P256(), 32
	switch o.text("crv") {
	case "P-256":
	case "P-384":
		curve, size = elliptic.P384(), 48
	default:
		return nil, fmt.Errorf("crv %.16q is not used; use P-256 or P-384", o.text("crv"))
	}
	x, err := decodeExactly(o.text("x"), size)
	if err != nil {
		return nil, err
	}
	y, err := decodeExactly(o.text("y"), size)
	if err != nil {
		return nil, err
	}
	return ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
}

// verify holds a signature against the key (RFC 7518, section 3; RFC 8037, section 3.1). The key says what it signs with, and not the text.
func (k *issuerKey) verify(alg string, s signed) error {
	if !slices.Contains(k.algorithms, alg) {
		return fmt.Errorf("alg is %s, and the issuer's key is for %v", alg, k.algorithms)
	}
	sum := sha256.Sum256(s.input)
	ok := false
	switch key := k.public.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, s.input, s.signature)
	case *ecdsa.PublicKey:
		digest, half := sum[:], 32
		if alg == "ES384" {
			wide := sha512.Sum384(s.input)
			digest, half = wide[:], 48
		}
		ok = len(s.signature) == 2*half &&
			ecdsa.Verify(key, digest, new(big.Int).SetBytes(s.signature[:half]), new(big.Int).SetBytes(s.signature[half:]))
	case *rsa.PublicKey:
		if alg == "RS256" {
			ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], s.signature) == nil
		} else {
			ok = rsa.VerifyPSS(key, crypto.SHA256, sum[:], s.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
	}
	if !ok {
		return errors.New("its signature does not verify with the issuer's key")
	}
	return nil
}
