// Package dpop verifies proofs of possession (RFC 9449): a token that is bound to a key counts only beside a fresh signature of that key, over the token, the method
// and the address that it is sent to.
package dpop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
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

// remembered is how long a proof is known to have been used: one that was made a window ahead of time is taken for two. The third is for a node whose clock is
// late, and for whoever waits for a turn between the look at the clock and the question to the engine.
const remembered = 3 * Window

// Config is what a verifier needs.
type Config struct {
	// Names are the hosts under which clients reach the gateway, lower-case, with the port where it is not the scheme's own. A proof for another one was made for
	// somebody else, whatever the request says that it asks for. Without names every proof is refused.
	Names []string
	// Plaintext also takes proofs for http, by names of this machine: the gateway speaks it itself. By another name it would be the balancer in front that speaks
	// TLS, and a client that was led to http would have shown its token and a good proof to everybody on the way.
	Plaintext bool
	Gate      auth.Gate
	// First reports whether key is new to all nodes, and remembers it for ttl. It is asked for those alone whose token was believed, so that no stranger fills that
	// memory: what bounds it is how often one address may ask.
	First func(ctx context.Context, key string, ttl time.Duration) (bool, error)
}

// Verifier verifies proofs. It is safe for concurrent use.
type Verifier struct{ config Config }

// New returns a verifier.
func New(c Config) *Verifier { return &Verifier{c} }

// Verify checks a proof for token, which was sent by method to path; the checks are those of RFC 9449, section 4.3. It tells believe the thumbprint of the key that signed
// it (RFC 7638), to which the token must be bound. Only where believe has no objection the proof is used up: it counts once.
func (v *Verifier) Verify(ctx context.Context, proof, token, method, path string, now time.Time, believe func(thumbprint string) error) error {
	p, err := jws.ReadProof(proof)
	if err != nil {
		return refuse("%w", err)
	}
	if err := v.fits(p, token, method, path, now); err != nil {
		return err
	}
	thumbprint, err := v.signed(ctx, p)
	if err != nil {
		return err
	}
	if err := believe(thumbprint); err != nil {
		return err
	}
	return v.once(ctx, thumbprint, p.ID)
}

// signed verifies the signature with the key that the proof brings, and returns the thumbprint of that key.
func (v *Verifier) signed(ctx context.Context, p *jws.Proof) (thumbprint string, err error) {
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
	defer v.config.Gate.Release()
	if err := jwt.VerifySignature(p.Algorithm, p.Signed, p.Signature, key); err != nil {
		return "", refuse("its signature is not that of its key: %w", err)
	}
	return thumbprint, nil
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
	if u.Scheme != "https" && !(u.Scheme == "http" && v.config.Plaintext && local(u.Hostname())) {
		return refuse("htu has scheme %.16q; it must be https, or http to localhost where the gateway speaks no TLS", u.Scheme)
	}
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	if !slices.Contains(v.config.Names, host) {
		return refuse("htu has host %.100q, which is none of listen.names", host)
	}
	if u.Path != path || strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		return refuse("htu has path %.100q, and the request is for %.100q", u.Path, path)
	}
	return nil
}

// local reports whether a host is this machine whatever the network says.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// once refuses a proof that was used before.
func (v *Verifier) once(ctx context.Context, thumbprint, id string) error {
	sum := sha256.Sum256([]byte(thumbprint + id)) // a thumbprint has one length: nothing can be moved between the two
	first, err := v.config.First(ctx, "proof/"+hex.EncodeToString(sum[:]), remembered)
	switch {
	case err != nil:
		return auth.Refuse(auth.EngineAway, "nobody can say whether the proof was used before: %w", err)
	case !first:
		return auth.Refuse(auth.ProofReplayed, "the proof was used before (jti)")
	}
	return nil
}
