package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// The RSA keys that are used: smaller ones are weak (RFC 7518, section 3.3), larger ones make a signature a weapon.
const (
	minRSABits = 2048
	maxRSABits = 4096
)

// key is one public key and the algorithms that it may be used with. Most keys have one; an RSA key that does not say is used with
// what the token and the issuer's settings say.
type key struct {
	id         string
	public     crypto.PublicKey
	algorithms []string
}

func (k *key) fits(algorithm string) bool { return slices.Contains(k.algorithms, algorithm) }

// published is a key as its issuer publishes it. Certificates are not read: the set's own road (its file, its URL's TLS) is what vouches
// for the key.
type published struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`

	Material
	Secret
}

// Material is what a public key is made of.
type Material struct {
	Curve string `json:"crv,omitempty"`
	X     string `json:"x,omitempty"`
	Y     string `json:"y,omitempty"`
	N     string `json:"n,omitempty"`
	E     string `json:"e,omitempty"`
}

// Secret is what must not stand in a published set (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
type Secret struct {
	D    json.RawMessage `json:"d"`
	P    json.RawMessage `json:"p"`
	Q    json.RawMessage `json:"q"`
	DP   json.RawMessage `json:"dp"`
	DQ   json.RawMessage `json:"dq"`
	QI   json.RawMessage `json:"qi"`
	Oth  json.RawMessage `json:"oth"`
	K    json.RawMessage `json:"k"`
	Priv json.RawMessage `json:"priv"`
}

func (s *Secret) there() bool {
	for _, part := range []json.RawMessage{s.D, s.P, s.Q, s.DP, s.DQ, s.QI, s.Oth, s.K, s.Priv} {
		if part != nil {
			return true
		}
	}
	return false
}

// key returns the key that p publishes, or why it verifies no token here.
func (p *published) key() (*key, error) {
	switch {
	case p.Type == "oct":
		return nil, errors.New("it is symmetric (oct): whoever can read it could sign tokens")
	case p.Secret.there():
		return nil, errors.New("it is published with its private part: anybody can sign with it; replace it at the issuer")
	case p.Use != "" && p.Use != "sig":
		return nil, fmt.Errorf("use is %.32q, not sig", p.Use)
	case p.Operations != nil && !slices.Contains(p.Operations, "verify"):
		return nil, errors.New("key_ops has no verify")
	}
	if bits := len(p.N) * 6 / 8 * 8; bits > maxRSABits {
		return nil, fmt.Errorf("an RSA key of %d bits is not used; it must have %d to %d", bits, minRSABits, maxRSABits)
	}
	public, err := p.public()
	if err != nil {
		return nil, err
	}
	algorithms, err := algorithmsOf(public)
	if err != nil {
		return nil, err
	}
	if algorithms, err = narrow(algorithms, p.Algorithm); err != nil {
		return nil, err
	}
	return &key{p.ID, public, algorithms}, nil
}

// ParseKey reads one public key that somebody shows beside its signature, and returns the algorithms that it may be used with. What stands in no key set of ours
// stands here neither: private parts, symmetric and weak keys.
func ParseKey(jwk []byte) (public crypto.PublicKey, algorithms []string, err error) {
	var p published
	if err := json.Unmarshal(jwk, &p); err != nil {
		return nil, nil, err
	}
	k, err := p.key()
	if err != nil {
		return nil, nil, err
	}
	return k.public, k.algorithms, nil
}

// public hands go-jose the members that make a public key and nothing else.
func (p *published) public() (crypto.PublicKey, error) {
	text, err := json.Marshal(struct {
		Type string `json:"kty"`
		Material
	}{p.Type, p.Material})
	if err != nil {
		return nil, err
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("kty %.32q, crv %.32q: %w", p.Type, p.Curve, err)
	}
	return parsed.Key, nil
}

// algorithmsOf returns the algorithms that verify with public. Ed25519 is the newer name of what EdDSA means here (RFC 9864).
func algorithmsOf(public crypto.PublicKey) ([]string, error) {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []string{"ES256"}, nil
		case elliptic.P384():
			return []string{"ES384"}, nil
		}
		return nil, fmt.Errorf("curve %s is not used; use P-256, or P-384 with ES384", public.Params().Name)
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, fmt.Errorf("an RSA key of %d bits is not used; it must have %d to %d", bits, minRSABits, maxRSABits)
		}
		if e := public.E; e < 3 || e > 1<<31-1 || e%2 == 0 {
			return nil, fmt.Errorf("RSA exponent %d is not used; it must be odd, 3 to %d", e, 1<<31-1)
		}
		return []string{"RS256", "PS256"}, nil
	case ed25519.PublicKey:
		return []string{"EdDSA", "Ed25519"}, nil
	}
	return nil, fmt.Errorf("a key of type %T verifies no token", public)
}

// narrow leaves of algorithms what the key itself says that it is for.
func narrow(algorithms []string, said string) ([]string, error) {
	if said == "" || slices.Equal(algorithms, []string{"EdDSA", "Ed25519"}) && slices.Contains(algorithms, said) {
		return algorithms, nil
	}
	if !slices.Contains(algorithms, said) {
		return nil, fmt.Errorf("alg is %.32q; a key of this kind is used with %v", said, algorithms)
	}
	return []string{said}, nil
}
