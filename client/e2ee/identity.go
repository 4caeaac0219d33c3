package e2ee

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Identity is a member's own private keys: one to sign what it says, and one to be given channel keys with. It prints as the id of its public part.
// [Identity.MarshalJSON] has the keys themselves.
type Identity struct {
	public
	sign  ed25519.PrivateKey
	agree *ecdh.PrivateKey
}

// NewIdentity makes keys for a member. It keeps them, and lets its team's backend vouch for their public part ([Identity.Keys]).
func NewIdentity() (*Identity, error) {
	_, sign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	agree, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newIdentity(sign, agree), nil
}

func newIdentity(sign ed25519.PrivateKey, agree *ecdh.PrivateKey) *Identity {
	return &Identity{newPublic(sign.Public().(ed25519.PublicKey), agree.PublicKey()), sign, agree}
}

// ParseIdentity reads what [Identity.MarshalJSON] wrote, or the TypeScript client's export: {"sign": a private Ed25519 JWK, "agree": a private X25519 JWK}.
func ParseIdentity(text []byte) (*Identity, error) {
	o, err := readObject(text)
	if err != nil {
		return nil, refuse(Form, "the identity: %v", err)
	}
	parts, err := o.exactly("sign", "agree")
	if err != nil {
		return nil, refuse(Form, "the identity: %v", err)
	}
	sign, err := readPrivate(parts[0], ed25519Curve, func(d []byte) (ed25519.PrivateKey, []byte, error) {
		key := ed25519.NewKeyFromSeed(d)
		return key, key.Public().(ed25519.PublicKey), nil
	})
	if err != nil {
		return nil, refuse(Form, "the identity's sign: %v", err)
	}
	agree, err := readPrivate(parts[1], x25519Curve, func(d []byte) (*ecdh.PrivateKey, []byte, error) {
		key, err := ecdh.X25519().NewPrivateKey(d)
		if err != nil {
			return nil, nil, err
		}
		return key, key.PublicKey().Bytes(), nil
	})
	if err != nil {
		return nil, refuse(Form, "the identity's agree: %v", err)
	}
	return newIdentity(sign, agree), nil
}

// readPrivate makes a key of a private JWK, whose public part must be the one that follows from its private part.
func readPrivate[K any](jwk value, curve string, make func(d []byte) (K, []byte, error)) (K, error) {
	var none K
	o, ok := jwk.object()
	if !ok {
		return none, fmt.Errorf("it is no JWK")
	}
	d, x, err := o.private(curve)
	if err != nil {
		return none, err
	}
	key, public, err := make(d)
	if err != nil {
		return none, err
	}
	if !bytes.Equal(public, x) {
		return none, fmt.Errorf("x is not the public part of d")
	}
	return key, nil
}

// MarshalJSON writes the private keys, for a place that its user alone can read.
func (i *Identity) MarshalJSON() ([]byte, error) {
	type private struct {
		JWK
		D string `json:"d"`
	}
	keys := i.Keys()
	return json.Marshal(struct {
		Sign  private `json:"sign"`
		Agree private `json:"agree"`
	}{private{keys[0], encode(i.sign.Seed())}, private{keys[1], encode(i.agree.Bytes())}})
}

// Keys are the two public keys, Ed25519 first: what a backend puts into the assertion of this member.
func (i *Identity) Keys() []JWK {
	return []JWK{publicJWK(ed25519Curve, i.public.sign), publicJWK(x25519Curve, i.public.agree.Bytes())}
}

// Format keeps the private keys out of whatever is printed.
func (i *Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "identity "+i.signID) }

// LogValue does the same for a logger that would write JSON.
func (i *Identity) LogValue() slog.Value { return slog.StringValue("identity " + i.signID) }
