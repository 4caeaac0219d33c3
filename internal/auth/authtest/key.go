package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"math/big"
)

func newKey(algorithm string) crypto.Signer {
	var key crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "RS256", "PS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		panic("authtest: no key for " + algorithm)
	}
	must(err)
	return key
}

// sign signs as RFC 7518, section 3, and RFC 8037 say.
func sign(algorithm string, key crypto.Signer, signed string) []byte {
	hash := map[string]crypto.Hash{
		"ES256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512,
		"RS256": crypto.SHA256, "PS256": crypto.SHA256,
	}[algorithm]
	digest := []byte(signed)
	if hash != 0 {
		h := hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	if key, ok := key.(*ecdsa.PrivateKey); ok {
		return signECDSA(key, digest)
	}
	var options crypto.SignerOpts = hash
	if algorithm == "PS256" {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	signature, err := key.Sign(rand.Reader, digest, options)
	must(err)
	return signature
}

func signECDSA(key *ecdsa.PrivateKey, digest []byte) []byte {
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	must(err)
	size := coordinateSize(&key.PublicKey)
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

func coordinateSize(key *ecdsa.PublicKey) int { return (key.Params().BitSize + 7) / 8 }

// publicJWK writes a key as RFC 7518, section 6, and RFC 8037 say.
func publicJWK(public crypto.PublicKey) Claims {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, then x and y
		must(err)
		size := coordinateSize(public)
		return Claims{
			"kty": "EC", "crv": public.Params().Name,
			"x": Segment(string(point[1 : 1+size])), "y": Segment(string(point[1+size:])),
		}
	case *rsa.PublicKey:
		return Claims{
			"kty": "RSA",
			"n":   Segment(string(public.N.Bytes())), "e": Segment(string(big.NewInt(int64(public.E)).Bytes())),
		}
	case ed25519.PublicKey:
		return Claims{"kty": "OKP", "crv": "Ed25519", "x": Segment(string(public))}
	}
	panic("authtest: no JWK for this kind of key")
}
