package jwks

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Encode writes public keys as a key set. Each key's id is its [Thumbprint], and its alg what [Algorithm] says.
func Encode(keys ...crypto.PublicKey) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, 0, len(keys))}
	for _, public := range keys {
		id, err := Thumbprint(public)
		if err != nil {
			return nil, err
		}
		algorithm, err := Algorithm(public)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: id, Algorithm: algorithm, Use: "sig"})
	}
	text, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the key set: %w", err)
	}
	return append(text, '\n'), nil
}

// Algorithm returns the algorithm that a key of this kind signs with: ES256, ES384, RS256 or EdDSA.
func Algorithm(public crypto.PublicKey) (string, error) {
	algorithms, err := algorithmsOf(public)
	if err != nil {
		return "", err
	}
	return algorithms[0], nil
}

// Thumbprint returns the name that follows from the key itself (RFC 7638, SHA-256, base64url).
func Thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("name the key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
