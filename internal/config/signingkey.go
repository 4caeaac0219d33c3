package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
)

// signingPrefix stands before a secret that signs (Standard Webhooks, "Signature scheme").
const signingPrefix = "whsec_"

// SigningKey signs, and like a [Secret] cannot print itself. The zero SigningKey is none.
type SigningKey struct{ key *string }

// ReadSigningKey reads the one line of a secret's file. Its errors name the file and never what is in it, nor a secret that stands where a file is to be named.
func ReadSigningKey(file File) (SigningKey, error) {
	secret, err := ReadSecret(file)
	switch {
	case err != nil && errors.Is(err, fs.ErrNotExist) && strings.Contains(string(file), signingPrefix):
		return SigningKey{}, errors.New("read secret: there is no such file, and its name looks like the secret itself, which many may read here; make another secret, write it into a file, and name that")
	case err != nil:
		return SigningKey{}, err
	}
	encoded, ok := strings.CutPrefix(*secret.text, signingPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return SigningKey{}, fmt.Errorf("read secret: %s must hold %s and 24 to 64 random bytes in base64; make one: echo \"%s$(openssl rand -base64 32)\"", file, signingPrefix, signingPrefix)
	}
	text := string(key)
	return SigningKey{&text}, nil
}

// Sign returns the HMAC-SHA256 of the parts, one behind the other (RFC 2104).
func (k SigningKey) Sign(parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, []byte(*k.key))
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// Format prints [secret] for every verb and flag.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is [secret].
func (k SigningKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [secret], for JSON and YAML.
func (k SigningKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }
