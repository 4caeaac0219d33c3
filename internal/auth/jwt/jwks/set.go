package jwks

import (
	"crypto"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"portcullis/internal/auth"
)

// The bounds of a key set's document.
const (
	MaxSize = 256 << 10
	MaxKeys = 100
)

// Set is the keys of one issuer. It does not change.
type Set struct {
	byID    map[string]*key
	all     []*key
	skipped []string
}

// Parse reads a key set. A key that verifies no token here (for encryption, symmetric, published with its private part, weak, of another
// kind) is skipped. A set without a usable key is an error, and so is one in which two usable keys have one id.
func Parse(document []byte) (*Set, error) {
	if len(document) > MaxSize {
		return nil, fmt.Errorf("the key set has more than %d bytes", MaxSize)
	}
	var d struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("the key set is no JSON object with a list named keys (RFC 7517, section 5): %w", err)
	}
	if len(d.Keys) > MaxKeys {
		return nil, fmt.Errorf("the key set has %d keys; the limit is %d", len(d.Keys), MaxKeys)
	}
	s := &Set{byID: make(map[string]*key)}
	for i, raw := range d.Keys {
		if err := s.add(i, raw); err != nil {
			return nil, err
		}
	}
	if len(s.all) == 0 {
		return nil, fmt.Errorf("the key set has no usable key%s", s.because())
	}
	return s, nil
}

// add takes the key at place i, or notes why not. Its error refuses the whole set.
func (s *Set) add(i int, raw json.RawMessage) error {
	var p published
	err := json.Unmarshal(raw, &p)
	var k *key
	if err == nil {
		k, err = p.key()
	}
	if err != nil {
		s.skipped = append(s.skipped, fmt.Sprintf("keys[%d] (kid %.64q): %v", i, p.ID, err))
		return nil
	}
	if s.byID[k.id] != nil {
		return fmt.Errorf("the key set has two keys with kid %.64q; which one signs is a guess", k.id)
	}
	if k.id != "" {
		s.byID[k.id] = k
	}
	s.all = append(s.all, k)
	return nil
}

func (s *Set) because() string {
	if len(s.skipped) == 0 {
		return ""
	}
	return ": " + strings.Join(s.skipped, "; ")
}

// Len returns the number of usable keys. A nil Set has none.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.all)
}

// Skipped says of each key that is not usable where it stands and why.
func (s *Set) Skipped() []string { return s.skipped }

// Key is a key that was found. ID is what its set calls it, also where the token does not; it is empty where the set has no name for it.
type Key struct {
	ID     string
	Public crypto.PublicKey
}

// Lookup returns the key for a token's kid and alg. Without a kid it is the key for alg if there is exactly one. Its error is an
// [auth.Refusal].
func (s *Set) Lookup(kid, alg string) (*Key, error) {
	if kid == "" {
		return s.only(alg)
	}
	k := s.byID[kid]
	if k == nil {
		return nil, auth.Refuse(auth.UnknownKey, "the issuer has no key with kid %.64q", kid)
	}
	if !k.fits(alg) {
		return nil, auth.Refuse(auth.AlgKeyMismatch, "the key with kid %.64q is for %v, not for alg %.16q", kid, k.algorithms, alg)
	}
	return &Key{k.id, k.public}, nil
}

func (s *Set) only(alg string) (*Key, error) {
	var found *key
	for _, k := range s.all {
		if !k.fits(alg) {
			continue
		}
		if found != nil {
			return nil, auth.Refuse(auth.UnknownKey, "the token has no kid, and the issuer has several keys for alg %.16q", alg)
		}
		found = k
	}
	if found == nil {
		return nil, auth.Refuse(auth.UnknownKey, "the token has no kid, and the issuer has no key for alg %.16q", alg)
	}
	return &Key{found.id, found.public}, nil
}
