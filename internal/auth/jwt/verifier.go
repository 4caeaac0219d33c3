package jwt

import (
	"context"
	"crypto"
	"fmt"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/jws"
)

// Verifier believes tokens of the issuers that it was made with. It implements [auth.Verifier].
type Verifier struct {
	issuers map[string]*issuer
	gate    auth.Gate
	seen    *signatures
}

// NewVerifier returns a verifier whose signatures are verified behind gate. Its error names every problem in issuers. It starts nothing: whoever
// made the keys runs them.
func NewVerifier(issuers []Issuer, gate auth.Gate) (*Verifier, error) {
	entries, err := compile(issuers)
	if err != nil {
		return nil, err
	}
	v := &Verifier{issuers: make(map[string]*issuer), gate: gate, seen: new(signatures)}
	for _, e := range entries {
		i := v.issuers[e.Issuer.Issuer]
		if i == nil {
			i = &issuer{keys: e.Keys, entries: make(map[audience]*group), logouts: make(map[string]*entry), events: make(map[string]*entry)}
			v.issuers[e.Issuer.Issuer] = i
		}
		i.add(e)
	}
	return v, nil
}

// Continue takes over what the verifier before this one remembers: which key verified which signature. That stays true whoever believes the key. Nobody may have used
// v yet; a nil before remembers nothing.
func (v *Verifier) Continue(before *Verifier) {
	if before != nil {
		v.seen = before.seen
	}
}

// Verify looks at c's token alone.
func (v *Verifier) Verify(ctx context.Context, c auth.Credential, now time.Time) (*auth.Principal, error) {
	if c.Token == "" {
		return nil, auth.Refuse(auth.MissingCredentials, "there is no token")
	}
	t, err := jws.Read(c.Token)
	if err != nil {
		return nil, err
	}
	i := v.issuers[t.Claims.Issuer]
	if i == nil {
		return nil, auth.Refuse(auth.BadIssuer, "iss %.128q is no configured issuer", t.Claims.Issuer)
	}
	if err := admits(t, i.algorithms, i.types); err != nil {
		return nil, err
	}
	// Whether the token names its key or not: a key that was revoked has one name.
	if t.Header.KeyID, err = v.verify(ctx, i, c.Token, t.Claims.Issuer, t.Header, t.Signed, t.Signature, now); err != nil {
		return nil, err
	}
	e, err := i.choose(t)
	if err != nil {
		return nil, err
	}
	if err := e.believes(t, &c, now); err != nil {
		return nil, err
	}
	return e.principal(t, c.Method)
}

// verify verifies a signature with the issuer's key for it, and returns what the issuer calls that key.
func (v *Verifier) verify(ctx context.Context, i *issuer, token, name string, h jws.Header, signed string, signature []byte, now time.Time) (kid string, err error) {
	key, err := i.keys.Lookup(ctx, now, h.KeyID, h.Algorithm)
	if err != nil {
		return "", err
	}
	if v.seen.verified(token, key.Public) {
		return key.ID, nil
	}
	if err := v.gate.Acquire(ctx); err != nil {
		return "", err
	}
	defer v.gate.Release()
	if err := VerifySignature(h.Algorithm, signed, signature, key.Public); err != nil {
		return "", auth.Refuse(auth.BadSignature, "iss %.128q, kid %.64q, alg %s: %w", name, h.KeyID, h.Algorithm, err)
	}
	v.seen.remember(token, key.Public)
	return key.ID, nil
}

// VerifySignature verifies a signature by one of [Algorithms]. That the key fits the algorithm is its caller's to have checked.
func VerifySignature(algorithm, signed string, signature []byte, key crypto.PublicKey) error {
	method := methods[algorithm]
	if method == nil {
		return fmt.Errorf("algorithm %.16q is not known", algorithm)
	}
	return method.Verify(signed, signature, key)
}
