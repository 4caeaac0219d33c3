package config

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"portcullis/internal/config/regular"
)

// The shortest and longest secret. Below the first it can be guessed; above the second it is the wrong file.
const (
	minSecret = 16
	maxSecret = 4096
)

const redacted = "[secret]"

// Secret is a text that cannot print itself: every way of formatting or encoding it gives [secret]. Its zero value is no secret and
// equals nothing.
type Secret struct {
	// A pointer, because fmt reads the fields of a struct that it got inside an unexported field, and would not ask Format.
	text *string
}

// ReadSecret reads the one line of a secret's file. Its errors name the file and never what is in it.
func ReadSecret(file File) (Secret, error) {
	data, _, err := regular.Read(string(file), maxSecret+2)
	if _, large := errors.AsType[regular.TooLarge](err); err != nil && !large { // its length is told below
		return Secret{}, fmt.Errorf("read secret: %s: %w; name a file that the gateway may read", file, reason(err))
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if err != nil || len(text) < minSecret || len(text) > maxSecret {
		return Secret{}, fmt.Errorf("read secret: %s must hold one line of %d to %d characters, like 32 random bytes in hex",
			file, minSecret, maxSecret)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Secret{}, fmt.Errorf("read secret: %s must hold one line of printable ASCII without spaces", file)
	}
	return Secret{&text}, nil
}

// Equal reports whether candidate is the secret, in a time that does not tell how much of it is right.
func (s Secret) Equal(candidate string) bool {
	if s.text == nil {
		return false
	}
	got, want := sha256.Sum256([]byte(candidate)), sha256.Sum256([]byte(*s.text))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// Format prints [secret] for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String is [secret].
func (s Secret) String() string { return redacted }

// LogValue is [secret].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [secret], for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
