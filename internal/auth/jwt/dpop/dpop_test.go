package dpop_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/dpop"
)

const token = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln" // what it says is not read here

var now = time.Now().Truncate(time.Second)

// holder has a key and makes proofs with it.
type holder struct{ *authtest.Issuer }

func newHolder(algorithm string) holder { return holder{authtest.NewWith("", algorithm)} }

func (h holder) jwk() authtest.Claims {
	jwk := h.JWK()
	delete(jwk, "kid")
	delete(jwk, "alg")
	delete(jwk, "use")
	return jwk
}

func (h holder) proof(header, claims authtest.Claims) string {
	sum := sha256.Sum256([]byte(token))
	head := authtest.Claims{"alg": h.Algorithm, "typ": "dpop+jwt", "jwk": map[string]any(h.jwk()), "kid": authtest.Absent}
	body := authtest.Claims{
		"jti": "p1", "htm": "POST", "htu": "https://gw.acme.example/v1/tickets", "iat": now.Unix(), "ath": base64.RawURLEncoding.EncodeToString(sum[:]),
	}
	maps.Copy(head, header)
	maps.Copy(body, claims)
	return h.Sign(head, body)
}

// memory remembers proofs.
func memory() func(context.Context, string, time.Duration) (bool, error) {
	seen := make(map[string]bool)
	return func(_ context.Context, key string, ttl time.Duration) (bool, error) {
		if ttl < 2*dpop.Window {
			return false, errors.New("too short")
		}
		was := seen[key]
		seen[key] = true
		return !was, nil
	}
}

func verifier() *dpop.Verifier {
	return dpop.New(dpop.Config{Names: []string{"gw.acme.example", "gw.acme.example:8443"}, Gate: auth.NewSlots(1), First: memory()})
}

func verify(v *dpop.Verifier, proof string) (string, error) {
	return v.Verify(context.Background(), proof, token, "POST", "/v1/tickets", now)
}

func TestGoodProofs(t *testing.T) {
	for _, algorithm := range []string{"ES256", "ES384", "RS256", "PS256", "EdDSA"} {
		h := newHolder(algorithm)
		got, err := verify(verifier(), h.proof(nil, nil))
		if err != nil || got != h.KeyID { // the test's key id is the key's thumbprint
			t.Errorf("%s: got %q, %v; want %q", algorithm, got, err, h.KeyID)
		}
	}
	h := newHolder("ES256")
	for name, htu := range map[string]string{
		"upper case":            "HTTPS://GW.ACME.example/v1/tickets",
		"the default port":      "https://gw.acme.example:443/v1/tickets",
		"another port":          "https://gw.acme.example:8443/v1/tickets",
		"a query":               "https://gw.acme.example/v1/tickets?a=b",
		"a fragment":            "https://gw.acme.example/v1/tickets#x",
		"an escape of a letter": "https://gw.acme.example/v1/%74ickets",
	} {
		if _, err := verify(verifier(), h.proof(nil, authtest.Claims{"htu": htu})); err != nil {
			t.Errorf("htu with %s: %v", name, err)
		}
	}
	for _, off := range []time.Duration{-dpop.Window, dpop.Window} {
		if _, err := verify(verifier(), h.proof(nil, authtest.Claims{"iat": now.Add(off).Unix()})); err != nil {
			t.Errorf("%v off: %v", off, err)
		}
	}
}

func TestForgedProofs(t *testing.T) {
	h, eve := newHolder("ES256"), newHolder("ES256")
	weak := map[string]any{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
	private := h.jwk()
	private["d"] = "AAAA"
	tests := []struct {
		name  string
		proof string
	}{
		{"nothing", ""},
		{"no proof", "abc"},
		{"signed by another key than the one that it brings", eve.proof(authtest.Claims{"jwk": map[string]any(h.jwk())}, nil)},
		{"with its private key", h.proof(authtest.Claims{"jwk": map[string]any(private)}, nil)},
		{"with a symmetric key", h.proof(authtest.Claims{"alg": "HS256", "jwk": weak}, nil)},
		{"with alg none", h.proof(authtest.Claims{"alg": "none"}, nil)},
		{"with another alg than its key's", h.proof(authtest.Claims{"alg": "RS256"}, nil)},
		{"without a key", h.proof(authtest.Claims{"jwk": authtest.Absent}, nil)},
		{"with a key by address", h.proof(authtest.Claims{"jku": "https://evil.example/keys"}, nil)},
		{"with a certificate", h.proof(authtest.Claims{"x5c": []string{"AAAA"}}, nil)},
		{"with crit", h.proof(authtest.Claims{"crit": []string{"b64"}}, nil)},
		{"that is an access token", h.proof(authtest.Claims{"typ": "at+jwt"}, nil)},
		{"without a type", h.proof(authtest.Claims{"typ": authtest.Absent}, nil)},
		{"for another method", h.proof(nil, authtest.Claims{"htm": "GET"})},
		{"for a method in lower case", h.proof(nil, authtest.Claims{"htm": "post"})},
		{"for another host", h.proof(nil, authtest.Claims{"htu": "https://evil.example/v1/tickets"})},
		{"for a host that begins alike", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example.evil.example/v1/tickets"})},
		{"for a host behind a user name", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example@evil.example/v1/tickets"})},
		{"for a port that is not ours", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example:9/v1/tickets"})},
		{"for another path", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example/v1/whoami"})},
		{"for a path with an escaped slash", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example/v1%2Ftickets"})},
		{"for plain http", h.proof(nil, authtest.Claims{"htu": "http://gw.acme.example/v1/tickets"})},
		{"for no address", h.proof(nil, authtest.Claims{"htu": "%"})},
		{"for another token", h.proof(nil, authtest.Claims{"ath": base64.RawURLEncoding.EncodeToString(make([]byte, 32))})},
		{"for no token", h.proof(nil, authtest.Claims{"ath": authtest.Absent})},
		{"that is old", h.proof(nil, authtest.Claims{"iat": now.Add(-dpop.Window - time.Second).Unix()})},
		{"of the future", h.proof(nil, authtest.Claims{"iat": now.Add(dpop.Window + time.Second).Unix()})},
		{"without a time", h.proof(nil, authtest.Claims{"iat": authtest.Absent})},
		{"without an id", h.proof(nil, authtest.Claims{"jti": authtest.Absent})},
		{"with an id that fills memory", h.proof(nil, authtest.Claims{"jti": strings.Repeat("x", 129)})},
		{"with two times", h.SignText(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+text(h.jwk())+`}`, `{"jti":"a","htm":"POST","htu":"x","ath":"y","iat":1,"iat":2}`)},
	}
	for _, tt := range tests {
		got, err := verify(verifier(), tt.proof)
		if auth.ReasonOf(err) != auth.ProofInvalid || got != "" {
			t.Errorf("a proof %s: got %q, %v; want proof_invalid", tt.name, got, err)
		}
	}
}

func text(c authtest.Claims) string {
	b, _ := json.Marshal(c)
	return string(b)
}

func TestAReplayedProof(t *testing.T) {
	h, other, v := newHolder("ES256"), newHolder("ES256"), verifier()
	if _, err := verify(v, h.proof(nil, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(v, h.proof(nil, nil)); auth.ReasonOf(err) != auth.ProofReplayed {
		t.Errorf("signed again with one jti: got %v, want proof_replayed", err)
	}
	if _, err := verify(v, h.proof(nil, authtest.Claims{"jti": "p2"})); err != nil {
		t.Errorf("with another jti: %v", err)
	}
	if _, err := verify(v, other.proof(nil, nil)); err != nil {
		t.Errorf("the same jti of another key: %v", err)
	}
}

// A proof for evil.example is no proof here, also when the request says that it is for evil.example: names come from the configuration.
func TestWithoutNamesNoProofCounts(t *testing.T) {
	v := dpop.New(dpop.Config{Gate: auth.NewSlots(1), First: memory()})
	if _, err := verify(v, newHolder("ES256").proof(nil, nil)); auth.ReasonOf(err) != auth.ProofInvalid || !strings.Contains(err.Error(), "listen.names") {
		t.Errorf("got %v, want proof_invalid, and what is missing", err)
	}
}

func TestAStoreThatIsAwayLetsNobodyIn(t *testing.T) {
	v := dpop.New(dpop.Config{Names: []string{"gw.acme.example"}, Gate: auth.NewSlots(1), First: func(context.Context, string, time.Duration) (bool, error) {
		return true, errors.New("away")
	}})
	if _, err := verify(v, newHolder("ES256").proof(nil, nil)); auth.ReasonOf(err) != auth.EngineAway {
		t.Errorf("got %v, want engine_away", err)
	}
}
