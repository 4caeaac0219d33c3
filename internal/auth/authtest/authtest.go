// Package authtest is an identity service for tests: an issuer with a key, tokens good and bad, and its key set as a file or over HTTP.
//
// It signs with the standard library alone, so that what verifies its tokens is not tested with itself.
package authtest

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/tenant"
)

// Audience is the aud of tokens, unless their claims say otherwise.
const Audience = "portcullis"

// Claims are a token's claims or header parameters. One that is [Absent] is left out.
type Claims map[string]any

// Absent is the value of a claim that a token shall not have.
var Absent any = absent{}

type absent struct{}

// Issuer is an identity service. It does not change and may be used concurrently.
type Issuer struct {
	URL       string
	KeyID     string
	Algorithm string
	Key       crypto.Signer
}

// New returns an issuer whose iss is url, with a new P-256 key.
func New(url string) *Issuer { return NewWith(url, "ES256") }

// NewWith returns an issuer that signs by algorithm: ES256, ES384, ES512, RS256, PS256 or EdDSA. A new RSA key takes a while.
func NewWith(url, algorithm string) *Issuer { return WithKey(url, algorithm, newKey(algorithm)) }

// WithKey returns an issuer that signs by algorithm with key.
func WithKey(url, algorithm string, key crypto.Signer) *Issuer {
	kid, err := jwks.Thumbprint(key.Public())
	must(err)
	return &Issuer{url, kid, algorithm, key}
}

// Token returns a token for sub that is good for an hour. Each of claims adds to it or replaces what is there.
func (i *Issuer) Token(sub string, claims ...Claims) string {
	now := time.Now().Unix()
	all := Claims{"iss": i.URL, "sub": sub, "aud": Audience, "iat": now, "exp": now + 3600}
	for _, c := range claims {
		maps.Copy(all, c)
	}
	return i.Sign(nil, all)
}

// Sign signs claims, to which it adds nothing. header adds to alg, kid and typ, or replaces them; the signature is the issuer's own
// whatever alg says.
func (i *Issuer) Sign(header, claims Claims) string {
	all := Claims{"alg": i.Algorithm, "kid": i.KeyID, "typ": "at+jwt"}
	maps.Copy(all, header)
	return i.SignText(text(all), text(claims))
}

// SignText signs two texts as they stand, which need not be JSON.
func (i *Issuer) SignText(header, claims string) string {
	signed := Segment(header) + "." + Segment(claims)
	return signed + "." + Segment(string(sign(i.Algorithm, i.Key, signed)))
}

// Segment encodes text as a token's header, claims and signature are.
func Segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// JWKS returns the issuer's key set.
func (i *Issuer) JWKS() []byte { return KeySet(i.JWK()) }

// JWK returns the issuer's public key, for tests that publish it otherwise than they should.
func (i *Issuer) JWK() Claims {
	jwk := publicJWK(i.Key.Public())
	maps.Copy(jwk, Claims{"kid": i.KeyID, "alg": i.Algorithm, "use": "sig"})
	return jwk
}

// KeySet returns the set of the keys given.
func KeySet(keys ...Claims) []byte {
	present := make([]Claims, len(keys))
	for n, key := range keys {
		present[n] = withoutAbsent(key)
	}
	return []byte(text(Claims{"keys": present}))
}

// WriteJWKS writes the key set into a folder of t's and returns the file's path.
func (i *Issuer) WriteJWKS(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, i.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Settings returns how the tenant called id takes this issuer's tokens, with keys from a file.
func (i *Issuer) Settings(t testing.TB, id string) jwt.Issuer {
	t.Helper()
	keys, err := jwks.File(i.WriteJWKS(t), jwks.Options{Issuer: i.URL})
	if err != nil {
		t.Fatal(err)
	}
	return jwt.Issuer{Tenant: tenant.MustParse(id), Issuer: i.URL, Audience: Audience, Algorithms: []string{i.Algorithm}, Keys: keys}
}

// ServeHTTP answers every request with the key set.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(i.JWKS())
}

func text(c Claims) string {
	b, err := json.Marshal(withoutAbsent(c))
	must(err)
	return string(b)
}

func withoutAbsent(c Claims) Claims {
	present := maps.Clone(c)
	maps.DeleteFunc(present, func(_ string, v any) bool { return v == Absent })
	return present
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("authtest: %v", err))
	}
}
