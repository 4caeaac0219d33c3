package jws

import (
	"time"

	"portcullis/internal/auth"
)

// Proof is a DPoP proof (RFC 9449, section 4.2) that was read, and not yet believed.
type Proof struct {
	Algorithm string
	Key       Value // the public key that it brings, a JWK
	ID        string
	Method    string // htm
	Target    string // htu
	Issued    time.Time
	TokenHash string // ath
	Signed    string
	Signature []byte
}

const (
	proofType  = "dpop+jwt"
	maxProofID = 128
	maxTarget  = 2048
)

// ReadProof reads a proof in the compact form. Its error is an [auth.Refusal]. It is the one kind of token that may bring its own key: what it proves is
// that whoever sends it has that key, and nothing about anybody else.
func ReadProof(text string) (*Proof, error) {
	p, err := split(text)
	if err != nil {
		return nil, err
	}
	proof := &Proof{Signed: p.signed}
	if proof.Signature, err = decode("signature", p.signature); err != nil {
		return nil, err
	}
	header, err := open("header", p.header)
	if err != nil {
		return nil, err
	}
	if err := proof.readHeader(header); err != nil {
		return nil, err
	}
	claims, err := open("claims", p.claims)
	if err != nil {
		return nil, err
	}
	if err := proof.readClaims(claims); err != nil {
		return nil, err
	}
	return proof, nil
}

func (p *Proof) readHeader(members object) (err error) {
	for _, m := range members {
		if u, ok := unusable[m.Name]; ok && m.Name != "jwk" {
			return auth.Refuse(u.reason, "the header has %q: %s", m.Name, u.why)
		}
	}
	typ, err := headerText(members, "typ")
	if err != nil {
		return err
	}
	if typ != proofType {
		return auth.Refuse(auth.TokenType, "typ %.64q is not %s", typ, proofType)
	}
	if p.Algorithm, err = headerText(members, "alg"); err != nil {
		return err
	}
	if p.Algorithm == "" {
		return auth.Refuse(auth.TokenMalformed, "the header has no alg")
	}
	var ok bool
	if p.Key, ok = members.lookup("jwk"); !ok || !p.Key.IsObject() {
		return auth.Refuse(auth.TokenMalformed, "the header has no jwk, or one that is no object")
	}
	return nil
}

func (p *Proof) readClaims(all object) (err error) {
	for _, c := range []struct {
		name string
		into *string
		most int
	}{
		{"jti", &p.ID, maxProofID}, {"htm", &p.Method, 16}, {"htu", &p.Target, maxTarget}, {"ath", &p.TokenHash, maxProofID},
	} {
		v, ok := all.lookup(c.name)
		if !ok {
			return auth.Refuse(auth.TokenMalformed, "there is no %s", c.name)
		}
		if *c.into, ok = v.Text(); !ok || *c.into == "" || len(*c.into) > c.most {
			return auth.Refuse(auth.TokenMalformed, "%s is no text of 1 to %d bytes", c.name, c.most)
		}
	}
	if p.Issued, err = readTime(all, "iat"); err != nil {
		return err
	}
	if p.Issued.IsZero() {
		return auth.Refuse(auth.TokenMalformed, "there is no iat")
	}
	return nil
}
