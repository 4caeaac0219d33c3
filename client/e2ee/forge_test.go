package e2ee_test

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"
)

// What is here writes JOSE by hand, from the RFCs and not from the package: it forges whatever a test wants, and is the second opinion on what is right.

var b64 = base64.RawURLEncoding.EncodeToString

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// kidOf is the id of a channel key.
func kidOf(key []byte) string {
	return b64(must(hkdf.Key(sha256.New, key, nil, "portcullis-e2ee/1 kid", 32)))
}

// okpID is the thumbprint of an OKP key (RFC 7638).
func okpID(curve string, x []byte) string {
	sum := sha256.Sum256([]byte(`{"crv":"` + curve + `","kty":"OKP","x":"` + b64(x) + `"}`))
	return b64(sum[:])
}

// writeJWS signs payload under a header as it stands.
func writeJWS(header string, payload []byte, sign func(input []byte) []byte) string {
	input := b64([]byte(header)) + "." + b64(payload)
	return input + "." + b64(sign([]byte(input)))
}

// writeJWE encrypts inner under a header as it stands.
func writeJWE(header string, key, nonce, inner []byte) string {
	aead := must(cipher.NewGCM(must(aes.NewCipher(key))))
	part := b64([]byte(header))
	sealed := aead.Seal(nil, nonce, inner, []byte(part))
	cut := len(sealed) - 16
	return part + ".." + b64(nonce) + "." + b64(sealed[:cut]) + "." + b64(sealed[cut:])
}

func byEdDSA(key ed25519.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte { return ed25519.Sign(key, input) }
}

func byHS256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func byNobody([]byte) []byte { return nil }

func byRSA(key *rsa.PrivateKey, alg string) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		if alg == "PS256" {
			return must(rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		}
		return must(rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]))
	}
}

func byECDSA(key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		narrow, wide := sha256.Sum256(input), sha512.Sum384(input)
		digest, size := narrow[:], (key.Curve.Params().BitSize+7)/8
		if size == 48 {
			digest = wide[:]
		}
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
}

// flip changes a bit of the n-th part of a compact text, and leaves its form.
func flip(text string, n int) string {
	parts := strings.Split(text, ".")
	b := must(base64.RawURLEncoding.DecodeString(parts[n]))
	b[len(b)/2] ^= 1
	parts[n] = b64(b)
	return strings.Join(parts, ".")
}

// part replaces the n-th part of a compact text.
func part(text string, n int, with func(string) string) string {
	parts := strings.Split(text, ".")
	parts[n] = with(parts[n])
	return strings.Join(parts, ".")
}

// spare sets the bits at the end of base64url that stand for nothing. The text must have some.
func spare(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(text)%4 == 0 {
		panic("base64url of full groups has no spare bits")
	}
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last|1])
}
