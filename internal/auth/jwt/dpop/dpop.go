// Package dpop verifies proofs of possession (RFC 9449): a token that is bound to a key counts only beside a fresh signature of that key, over the token, the method
// and the address that it is sent to.
package dpop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/jwt/jws"
)

// Window is how far the time of a proof may be off, on either side.
const Window = time.Minute

// Config is what a verifier needs.
type Config struct {
	// Names are the hosts under which clients reach the gateway, lower-case, with the port where it is not the scheme's own. A proof for another one was made for
	// somebody else, whatever the request says that it asks for. Without names every proof is refused.
	Names []string
	// Plaintext also takes proofs for http: the gateway speaks it itself, on this machine.
	Plaintext bool
	Gate      auth.Gate
	// First reports whether key is new to all nodes, and remembers it for ttl.
	First func(ctx context.Context, key string, ttl time.Duration) (bool, error)
}

// Verifier verifies proofs. It is safe for concurrent use.
type Verifier struct{ config Config }

// New returns a verifier.
func New(c Config) *Verifier { return &Verifier{c} }

// Verify checks a proof for token, which was sent by method to path, and returns the thumbprint of the key that signed it (RFC 7638). The checks are those of RFC 9449, section 4.3;
// the token must then be bound to that key.
func (v *Verifier) Verify(ctx context.Context, proof, token, method, path string, now time.Time) (thumbprint string, err error) {
	p, err := jws.ReadProof(proof)
	if err != nil {
		return "", refuse("%w", err)
	}
	if err := v.fits(p, token, method, path, now); err != nil {
		return "", err
	}
	key, algorithms, err := jwks.ParseKey([]byte(p.Key))
	if err != nil {
		return "", refuse("its key is not used: %w", err)
	}
	if !slices.Contains(algorithms, p.Algorithm) {
		return "", refuse("its key is for %v, not for alg %.16q", algorithms, p.Algorithm)
	}
	if thumbprint, err = jwks.Thumbprint(key); err != nil {
		return "", refuse("%w", err)
	}
	if err := v.config.Gate.Acquire(ctx); err != nil {
		return "", err
	}
	err = jwt.VerifySignature(p.Algorithm, p.Signed, p.Signature, key)
	v.config.Gate.Release()
	if err != nil {
		return "", refuse("its signature is not that of its key: %w", err)
	}
	return thumbprint, v.once(ctx, thumbprint, p.ID)
}

func refuse(format string, args ...any) error {
	return auth.Refuse(auth.ProofInvalid, "the proof: "+format, args...)
}

// fits checks what needs no signature.
func (v *Verifier) fits(p *jws.Proof, token, method, path string, now time.Time) error {
	sum := sha256.Sum256([]byte(token))
	switch age := now.Sub(p.Issued); {
	case p.Method != method:
		return refuse("htm is %.16q, and the request is %s", p.Method, method)
	case p.TokenHash != base64.RawURLEncoding.EncodeToString(sum[:]):
		return refuse("ath is not the hash of the token that it came with")
	case age > Window || age < -Window:
		return refuse("it is %v old (iat); it may be %v off", age.Round(time.Second), Window)
	}
	return v.aims(p.Target, path)
}

// aims compares htu with the address of the request, without query and fragment, after the normalisation of RFC 3986, section 6.2.
func (v *Verifier) aims(target, path string) error {
	if len(v.config.Names) == 0 {
		return refuse("listen.names is empty: the gateway does not know under which names it is reached, and whom a proof was made for")
	}
	u, err := url.Parse(target)
	if err != nil || u.User != nil || u.Opaque != "" {
		return refuse("htu is no address")
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "https" && !(scheme == "http" && v.config.Plaintext) {
		return refuse("htu has scheme %.16q; it must be https", scheme)
	}
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[scheme])
	if !slices.Contains(v.config.Names, host) {
		return refuse("htu has host %.100q, which is none of listen.names", host)
	}
	if u.Path != path || strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		return refuse("htu has path %.100q, and the request is for %.100q", u.Path, path)
	}
	return nil
}

// once refuses a proof that was used before. It is remembered for as long as its time would be taken.
func (v *Verifier) once(ctx context.Context, thumbprint, id string) error {
	sum := sha256.Sum256([]byte(thumbprint + id)) // a thumbprint has one length: nothing can be moved between the two
	first, err := v.config.First(ctx, "proof/"+hex.EncodeToString(sum[:]), 2*Window)
	switch {
	case err != nil:
		return auth.Refuse(auth.EngineAway, "nobody can say whether the proof was used before: %w", err)
	case !first:
		return auth.Refuse(auth.ProofReplayed, "the proof was used before (jti)")
	}
	return nil
}
