package mint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"portcullis/internal/auth/jwt/jwks"
)

const rsaBits = 2048

// NewKey returns a new key for ES256, RS256 or EdDSA.
func NewKey(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case "EdDSA":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("no key is made for algorithm %q; use ES256, RS256 or EdDSA", algorithm)
}

// Encode writes key as PEM (PKCS #8, not encrypted). Whoever can read it can sign tokens: write it with mode 0600.
func Encode(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Load reads the key in the PEM file at path: PKCS #8, SEC 1 or PKCS #1, as openssl writes them.
func Load(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	key, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the signing key in %s: %w", path, err)
	}
	return key, nil
}

// Parse reads the first private key in PEM text. A key that no token could be verified with is an error.
func Parse(text []byte) (crypto.Signer, error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errors.New("there is no private key in it; it must be PEM, such as openssl genpkey -algorithm EC " +
				"-pkeyopt ec_paramgen_curve:P-256 writes")
		}
		key, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		if key == nil {
			continue
		}
		_, err = jwks.Algorithm(key.Public())
		return key, err
	}
}

// parseBlock returns nil for a block that is no private key, such as the curve's parameters in front of one.
func parseBlock(block *pem.Block) (crypto.Signer, error) {
	switch block.Type {
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("a key of type %T signs nothing", key)
		}
		return signer, nil
	case "EC PRIVATE KEY":
		return signer(x509.ParseECPrivateKey(block.Bytes))
	case "RSA PRIVATE KEY":
		return signer(x509.ParsePKCS1PrivateKey(block.Bytes))
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the private key is encrypted; openssl pkey decrypts it")
	}
	return nil, nil
}

func signer[K crypto.Signer](key K, err error) (crypto.Signer, error) {
	if err != nil {
		return nil, err
	}
	return key, nil
}
