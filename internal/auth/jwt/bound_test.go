package jwt_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt"
)

// A copy of a bound token is worth nothing: what it is bound to must be shown, each time, and nothing that is not understood is waved through.
func TestStolenBoundTokens(t *testing.T) {
	acme := authtest.New("https://id.acme.example")
	v, err := jwt.NewVerifier([]jwt.Issuer{acme.Settings(t, "acme")}, auth.NewSlots(1))
	if err != nil {
		t.Fatal(err)
	}
	mine, other := &x509.Certificate{Raw: []byte("mine")}, &x509.Certificate{Raw: []byte("other")}
	sum := sha256.Sum256(mine.Raw)
	x5t := base64.RawURLEncoding.EncodeToString(sum[:])
	const jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	cnf := func(members map[string]any) authtest.Claims { return authtest.Claims{"cnf": members} }
	over := func(c *x509.Certificate) auth.Credential {
		return auth.Credential{Method: auth.Bearer, Chain: []*x509.Certificate{c}}
	}
	proven := func(thumbprint string) auth.Credential {
		return auth.Credential{Method: auth.DPoP, Thumbprint: thumbprint}
	}
	tests := []struct {
		name       string
		claims     authtest.Claims
		credential auth.Credential
		want       auth.Reason
	}{
		{"over its certificate", cnf(map[string]any{"x5t#S256": x5t}), over(mine), ""},
		{"over the certificate that the connection showed before", cnf(map[string]any{"x5t#S256": x5t}),
			auth.Credential{Method: auth.Bearer, Shown: &auth.Certificate{Fingerprint: sum}}, ""},
		{"without its certificate", cnf(map[string]any{"x5t#S256": x5t}), auth.Credential{Method: auth.Bearer}, auth.TokenBound},
		{"over another certificate", cnf(map[string]any{"x5t#S256": x5t}), over(other), auth.TokenBound},
		{"refreshed over another certificate", cnf(map[string]any{"x5t#S256": x5t}),
			auth.Credential{Method: auth.Bearer, Shown: &auth.Certificate{Fingerprint: sha256.Sum256(other.Raw)}}, auth.TokenBound},
		{"with the proof of its key", cnf(map[string]any{"jkt": jkt}), proven(jkt), ""},
		{"with the proof of another key", cnf(map[string]any{"jkt": jkt}), proven("AZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"), auth.TokenBound},
		{"as a bearer token, without a proof", cnf(map[string]any{"jkt": jkt}), auth.Credential{Method: auth.Bearer}, auth.TokenBound},
		{"as a subprotocol, without a proof", cnf(map[string]any{"jkt": jkt}), auth.Credential{Method: auth.Subprotocol}, auth.TokenBound},
		{"unbound, with a proof", nil, proven(jkt), auth.TokenBound},
		{"bound to both, both shown", cnf(map[string]any{"jkt": jkt, "x5t#S256": x5t}),
			auth.Credential{Method: auth.DPoP, Thumbprint: jkt, Chain: []*x509.Certificate{mine}}, ""},
		{"bound to both, the proof alone", cnf(map[string]any{"jkt": jkt, "x5t#S256": x5t}), proven(jkt), auth.TokenBound},
		{"bound to both, the certificate alone", cnf(map[string]any{"jkt": jkt, "x5t#S256": x5t}), over(mine), auth.TokenBound},
		{"bound to something new beside its certificate", cnf(map[string]any{"x5t#S256": x5t, "quantum": 1}), over(mine), auth.TokenBound},
		{"a fingerprint with padding", cnf(map[string]any{"x5t#S256": x5t + "="}), over(mine), auth.TokenBound},
		{"a fingerprint of half the length", cnf(map[string]any{"x5t#S256": x5t[:22]}), over(mine), auth.TokenBound},
		{"a fingerprint in hex", cnf(map[string]any{"x5t#S256": "6c64b0dc0e1a0d8f3a5d9f6c1a3b1a0c6c64b0dc0e1a0d8f3a5d9f6c1a3b1a0c"}), over(mine), auth.TokenBound},
		{"a fingerprint that is a number", cnf(map[string]any{"x5t#S256": 1}), over(mine), auth.TokenBound},
		{"an empty fingerprint", cnf(map[string]any{"x5t#S256": ""}), auth.Credential{Method: auth.Bearer}, auth.TokenBound},
		{"an empty key", cnf(map[string]any{"jkt": ""}), auth.Credential{Method: auth.Bearer}, auth.TokenBound},
		{"the fingerprint by SHA-1", cnf(map[string]any{"x5t": "dGhpcyBpcyBhIFNIQTEgdGVzdA"}), over(mine), auth.TokenBound},
		{"a fingerprint with a line break", cnf(map[string]any{"x5t#S256": x5t + "\n"}), over(mine), auth.TokenBound},
		{"a fingerprint in another spelling", cnf(map[string]any{"x5t#S256": otherSpelling(x5t)}), over(mine), auth.TokenBound},
		{"a fingerprint of zeros, without a certificate", cnf(map[string]any{"x5t#S256": strings.Repeat("A", 43)}), auth.Credential{Method: auth.Bearer}, auth.TokenBound},
		{"a list of fingerprints", cnf(map[string]any{"x5t#S256": []string{x5t}}), over(mine), auth.TokenBound},
		{"a fingerprint by a name in lower case", cnf(map[string]any{"x5t#s256": x5t}), over(mine), auth.TokenBound},
		{"over its certificate, that stands second in the chain", cnf(map[string]any{"x5t#S256": x5t}),
			auth.Credential{Method: auth.Bearer, Chain: []*x509.Certificate{other, mine}}, auth.TokenBound},
		{"over another certificate, and its own was shown earlier", cnf(map[string]any{"x5t#S256": x5t}),
			auth.Credential{Method: auth.Bearer, Chain: []*x509.Certificate{other}, Shown: &auth.Certificate{Fingerprint: sum}}, auth.TokenBound},
		{"a key by a name in upper case", cnf(map[string]any{"JKT": jkt}), proven(jkt), auth.TokenBound},
		{"a key in another spelling", cnf(map[string]any{"jkt": otherSpelling(jkt)}), proven(jkt), auth.TokenBound},
		{"refreshed, bound to a key", cnf(map[string]any{"jkt": jkt}), auth.Credential{Method: auth.Bearer, Shown: &auth.Certificate{Fingerprint: sum}}, auth.TokenBound},
		{"to an encrypted key", cnf(map[string]any{"jwe": "a.b.c.d.e"}), over(mine), auth.TokenBound},
		{"to a key by its id", cnf(map[string]any{"kid": acme.KeyID}), over(mine), auth.TokenBound},
		{"to keys by address", cnf(map[string]any{"jku": "https://evil.example/keys", "kid": "1"}), over(mine), auth.TokenBound},
		{"to nothing", cnf(map[string]any{}), over(mine), auth.TokenBound},
		{"cnf that is null", authtest.Claims{"cnf": nil}, auth.Credential{Method: auth.Bearer}, auth.TokenBound},
		{"cnf that is text", authtest.Claims{"cnf": x5t}, over(mine), auth.TokenBound},
		{"cnf that is a list", authtest.Claims{"cnf": []any{map[string]any{"x5t#S256": x5t}}}, over(mine), auth.TokenBound},
		{"an embedded key", cnf(map[string]any{"jwk": acme.JWK()}), over(mine), auth.TokenBound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.credential
			claims := []authtest.Claims{}
			if tt.claims != nil {
				claims = append(claims, tt.claims)
			}
			c.Token = acme.Token("ana", claims...)
			p, err := v.Verify(t.Context(), c, time.Now())
			if got := auth.ReasonOf(err); got != tt.want || (p == nil) != (err != nil) {
				t.Errorf("got %v, %v; want %q", p, err, tt.want)
			}
		})
	}
}

// otherSpelling changes the bits of a thumbprint's last character that mean nothing.
func otherSpelling(thumbprint string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(thumbprint) - 1
	return thumbprint[:last] + string(digits[strings.IndexByte(digits, thumbprint[last])|1])
}
