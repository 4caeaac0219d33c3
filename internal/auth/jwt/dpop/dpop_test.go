package dpop_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
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

// memory remembers proofs, each for as long as it is told, by a clock of its own.
type memory struct {
	now  time.Time
	used map[string]time.Time // and when it is forgotten
}

func newMemory() *memory { return &memory{now: now, used: make(map[string]time.Time)} }

func (m *memory) first(_ context.Context, key string, ttl time.Duration) (bool, error) {
	if m.now.Before(m.used[key]) {
		return false, nil
	}
	m.used[key] = m.now.Add(ttl)
	return true, nil
}

func config(m *memory) dpop.Config {
	return dpop.Config{Names: []string{"gw.acme.example", "gw.acme.example:8443"}, Gate: auth.NewSlots(1), First: m.first}
}

func verifier() *dpop.Verifier { return dpop.New(config(newMemory())) }

// verifyAt returns the thumbprint that was to be believed, empty when nobody was asked.
func verifyAt(v *dpop.Verifier, proof string, at time.Time) (thumbprint string, err error) {
	err = v.Verify(context.Background(), proof, token, "POST", "/v1/tickets", at, func(t string) error {
		thumbprint = t
		return nil
	})
	return thumbprint, err
}

func verify(v *dpop.Verifier, proof string) (string, error) { return verifyAt(v, proof, now) }

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
	sum := sha256.Sum256([]byte(token))
	weak := map[string]any{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
	keyWith := func(h holder, name string, value any) authtest.Claims {
		jwk := h.jwk()
		jwk[name] = value
		return authtest.Claims{"jwk": map[string]any(jwk)}
	}
	weakRSA, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	small := holder{authtest.WithKey("", "RS256", weakRSA)}
	large := newHolder("RS256")
	tests := []struct {
		name  string
		proof string
	}{
		{"nothing", ""},
		{"no proof", "abc"},
		{"signed by another key than the one that it brings", eve.proof(authtest.Claims{"jwk": map[string]any(h.jwk())}, nil)},
		{"with its private key", h.proof(keyWith(h, "d", "AAAA"), nil)},
		{"with an empty private key", h.proof(keyWith(h, "d", nil), nil)},
		{"with a prime of its private key", large.proof(keyWith(large, "p", "AAAA"), nil)},
		{"with a symmetric key beside its own", h.proof(keyWith(h, "k", "AAAA"), nil)},
		{"with a weak key", small.proof(nil, nil)},
		{"with a key that is for encryption", h.proof(keyWith(h, "use", "enc"), nil)},
		{"with a key that is for another alg", large.proof(keyWith(large, "alg", "PS256"), nil)},
		{"with a point that is not on the curve", h.proof(keyWith(h, "y", strings.Repeat("A", 43)), nil)},
		{"with a key of a kind without end", h.proof(keyWith(h, "kty", strings.Repeat("x", 4000)), nil)},
		{"with a curve without end", h.proof(keyWith(h, "crv", strings.Repeat("x", 4000)), nil)},
		{"with a key that is text", h.proof(authtest.Claims{"jwk": text(h.jwk())}, nil)},
		{"with a list of keys", h.proof(authtest.Claims{"jwk": []any{map[string]any(h.jwk())}}, nil)},
		{"with its key twice", h.SignText(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+text(eve.jwk())+`,"jwk":`+text(h.jwk())+`}`, `{}`)},
		{"with a coordinate twice", h.SignText(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"x":"AA",`+text(h.jwk())[1:]+`}`, `{}`)},
		{"with a symmetric key", h.proof(authtest.Claims{"alg": "HS256", "jwk": weak}, nil)},
		{"with alg none", h.proof(authtest.Claims{"alg": "none"}, nil)},
		{"with another alg than its key's", h.proof(authtest.Claims{"alg": "RS256"}, nil)},
		{"without a key", h.proof(authtest.Claims{"jwk": authtest.Absent}, nil)},
		{"with a key by address", h.proof(authtest.Claims{"jku": "https://evil.example/keys"}, nil)},
		{"with a certificate", h.proof(authtest.Claims{"x5c": []string{"AAAA"}}, nil)},
		{"with a certificate by address", h.proof(authtest.Claims{"x5u": "https://evil.example/cert"}, nil)},
		{"that is compressed", h.proof(authtest.Claims{"zip": "DEF"}, nil)},
		{"with an alg that no key has", h.proof(authtest.Claims{"alg": "ES512"}, nil)},
		{"without an alg", h.proof(authtest.Claims{"alg": authtest.Absent}, nil)},
		{"without its signature", unsigned(h.proof(nil, nil))},
		{"with half its signature", h.proof(nil, nil)[:len(h.proof(nil, nil))-43]},
		{"that is two in one header", h.proof(nil, nil) + ", " + h.proof(nil, nil)},
		{"with crit", h.proof(authtest.Claims{"crit": []string{"b64"}}, nil)},
		{"that is an access token", h.proof(authtest.Claims{"typ": "at+jwt"}, nil)},
		{"without a type", h.proof(authtest.Claims{"typ": authtest.Absent}, nil)},
		{"for another method", h.proof(nil, authtest.Claims{"htm": "GET"})},
		{"for a method in lower case", h.proof(nil, authtest.Claims{"htm": "post"})},
		{"for another host", h.proof(nil, authtest.Claims{"htu": "https://evil.example/v1/tickets"})},
		{"for a host that begins alike", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example.evil.example/v1/tickets"})},
		{"for a host behind a user name", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example@evil.example/v1/tickets"})},
		{"for a port that is not ours", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example:9/v1/tickets"})},
		{"for a host with a dot behind it", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example./v1/tickets"})},
		{"for no host", h.proof(nil, authtest.Claims{"htu": "https:///v1/tickets"})},
		{"for a path alone", h.proof(nil, authtest.Claims{"htu": "/v1/tickets"})},
		{"for an address without slashes", h.proof(nil, authtest.Claims{"htu": "https:gw.acme.example/v1/tickets"})},
		{"for the socket", h.proof(nil, authtest.Claims{"htu": "wss://gw.acme.example/v1/tickets"})},
		{"for a user of our host", h.proof(nil, authtest.Claims{"htu": "https://ana@gw.acme.example/v1/tickets"})},
		{"for the port of plain http", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example:80/v1/tickets"})},
		{"for a path below", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example/v1/tickets/"})},
		{"for a path escaped twice", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example/v1/%2574ickets"})},
		{"for an address that fills memory", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example/v1/tickets?" + strings.Repeat("x", 2048)})},
		{"for a list of addresses", h.proof(nil, authtest.Claims{"htu": []string{"https://gw.acme.example/v1/tickets"}})},
		{"for another path", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example/v1/whoami"})},
		{"for a path with an escaped slash", h.proof(nil, authtest.Claims{"htu": "https://gw.acme.example/v1%2Ftickets"})},
		{"for plain http", h.proof(nil, authtest.Claims{"htu": "http://gw.acme.example/v1/tickets"})},
		{"for no address", h.proof(nil, authtest.Claims{"htu": "%"})},
		{"for another token", h.proof(nil, authtest.Claims{"ath": base64.RawURLEncoding.EncodeToString(make([]byte, 32))})},
		{"for its token, hashed in hex", h.proof(nil, authtest.Claims{"ath": hex.EncodeToString(sum[:])})},
		{"for its token, with padding", h.proof(nil, authtest.Claims{"ath": base64.URLEncoding.EncodeToString(sum[:])})},
		{"for no token", h.proof(nil, authtest.Claims{"ath": authtest.Absent})},
		{"that is old", h.proof(nil, authtest.Claims{"iat": now.Add(-dpop.Window - time.Second).Unix()})},
		{"of the future", h.proof(nil, authtest.Claims{"iat": now.Add(dpop.Window + time.Second).Unix()})},
		{"of no number", h.proof(nil, authtest.Claims{"iat": "now"})},
		{"of the end of time", h.proof(nil, authtest.Claims{"iat": 9e18})},
		{"without a time", h.proof(nil, authtest.Claims{"iat": authtest.Absent})},
		{"without an id", h.proof(nil, authtest.Claims{"jti": authtest.Absent})},
		{"with an id that fills memory", h.proof(nil, authtest.Claims{"jti": strings.Repeat("x", 129)})},
		{"with two times", h.SignText(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+text(h.jwk())+`}`, `{"jti":"a","htm":"POST","htu":"x","ath":"y","iat":1,"iat":2}`)},
	}
	for _, tt := range tests {
		m := newMemory()
		got, err := verify(dpop.New(config(m)), tt.proof)
		if auth.ReasonOf(err) != auth.ProofInvalid || got != "" || len(m.used) > 0 {
			t.Errorf("a proof %s: got %q, %v, and %d are remembered; want proof_invalid, and none", tt.name, got, err, len(m.used))
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("a proof %s: the log gets %d bytes of the client's choice", tt.name, len(err.Error()))
		}
	}
}

func unsigned(proof string) string { return proof[:strings.LastIndexByte(proof, '.')+1] }

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

// A proof that was made ahead of time is taken for two windows: for so long it must be known, also to a node whose clock is late.
func TestAProofIsReplayedWhenItIsForgotten(t *testing.T) {
	m := newMemory()
	v := dpop.New(config(m))
	early := newHolder("ES256").proof(nil, authtest.Claims{"iat": now.Add(dpop.Window).Unix()})
	if _, err := verify(v, early); err != nil {
		t.Fatal(err)
	}
	for _, later := range []time.Duration{0, dpop.Window, 2 * dpop.Window} {
		for _, late := range []time.Duration{0, time.Second, dpop.Window - time.Nanosecond} {
			m.now = now.Add(later + late)
			if _, err := verifyAt(v, early, now.Add(later)); auth.ReasonOf(err) != auth.ProofReplayed {
				t.Errorf("after %v, by a clock that is %v late: got %v, want proof_replayed", later+late, late, err)
			}
		}
	}
	if _, err := verifyAt(v, early, now.Add(2*dpop.Window+time.Nanosecond)); auth.ReasonOf(err) != auth.ProofInvalid {
		t.Errorf("after its time: got %v, want proof_invalid", err)
	}
}

// Anybody can make a key and sign proofs with it. Whoever has no token beside it that counts leaves nothing behind.
func TestStrangersFillNoMemory(t *testing.T) {
	m, h := newMemory(), newHolder("ES256")
	no := auth.Refuse(auth.TokenBound, "bound to another key")
	for range 100 {
		err := dpop.New(config(m)).Verify(t.Context(), h.proof(nil, nil), token, "POST", "/v1/tickets", now, func(string) error { return no })
		if auth.ReasonOf(err) != auth.TokenBound {
			t.Fatalf("got %v, want what was said of the token", err)
		}
	}
	if len(m.used) != 0 {
		t.Errorf("%d proofs are remembered, want none", len(m.used))
	}
}

// Of many who show one proof at once, and whose token is good, one gets in.
func TestAProofIsShownByFiftyAtOnce(t *testing.T) {
	var mu sync.Mutex
	m, proof := newMemory(), newHolder("ES256").proof(nil, nil)
	c := config(m)
	c.First = func(ctx context.Context, key string, ttl time.Duration) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		return m.first(ctx, key, ttl)
	}
	v := dpop.New(c)
	var winners atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			switch _, err := verify(v, proof); {
			case err == nil:
				winners.Add(1)
			case auth.ReasonOf(err) != auth.ProofReplayed:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := winners.Load(); got != 1 {
		t.Errorf("%d got in, want 1", got)
	}
}

// A client that was led to http has shown its token and its proof to everybody on the way: where that may be, the proof is worth nothing.
func TestProofsForPlainHTTP(t *testing.T) {
	tests := []struct {
		name      string
		htu       string
		plaintext bool
		want      auth.Reason
	}{
		{"to this machine, which speaks no TLS", "http://localhost:8080/v1/tickets", true, ""},
		{"the same in upper case", "HTTP://LOCALHOST:8080/v1/tickets", true, ""},
		{"by an address of this machine", "http://[::1]:8080/v1/tickets", true, ""},
		{"on the default port", "http://127.0.0.1:80/v1/tickets", true, ""},
		{"to a balancer that ends TLS", "https://gw.acme.example/v1/tickets", true, ""},
		{"past a balancer that ends TLS", "http://gw.acme.example/v1/tickets", true, auth.ProofInvalid},
		{"to this machine, which speaks TLS", "http://localhost:8080/v1/tickets", false, auth.ProofInvalid},
		{"to a host that is called like this machine", "http://localhost.acme.example/v1/tickets", true, auth.ProofInvalid},
		{"to an address of this machine that is not named", "http://127.0.0.2/v1/tickets", true, auth.ProofInvalid},
	}
	for _, tt := range tests {
		c := config(newMemory())
		c.Plaintext, c.Names = tt.plaintext, []string{"gw.acme.example", "localhost:8080", "[::1]:8080", "127.0.0.1", "localhost.acme.example"}
		_, err := verify(dpop.New(c), newHolder("ES256").proof(nil, authtest.Claims{"htu": tt.htu}))
		if got := auth.ReasonOf(err); got != tt.want || (err == nil) != (tt.want == "") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A proof for evil.example is no proof here, also when the request says that it is for evil.example: names come from the configuration.
func TestWithoutNamesNoProofCounts(t *testing.T) {
	c := config(newMemory())
	c.Names = nil
	if _, err := verify(dpop.New(c), newHolder("ES256").proof(nil, nil)); auth.ReasonOf(err) != auth.ProofInvalid || !strings.Contains(err.Error(), "listen.names") {
		t.Errorf("got %v, want proof_invalid, and what is missing", err)
	}
}

func TestAFullQueueIsToldApartFromABadProof(t *testing.T) {
	c := config(newMemory())
	slots := auth.NewSlots(1)
	c.Gate = slots
	if err := slots.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	err := dpop.New(c).Verify(gone, newHolder("ES256").proof(nil, nil), token, "POST", "/v1/tickets", now, func(string) error { return nil })
	if auth.ReasonOf(err) != auth.Overloaded {
		t.Errorf("got %v, want overloaded", err)
	}
}

func TestAStoreThatIsAwayLetsNobodyIn(t *testing.T) {
	c := config(newMemory())
	c.First = func(context.Context, string, time.Duration) (bool, error) { return true, errors.New("away") }
	if _, err := verify(dpop.New(c), newHolder("ES256").proof(nil, nil)); auth.ReasonOf(err) != auth.EngineAway {
		t.Errorf("got %v, want engine_away", err)
	}
}

// ours is what an address of ours looks like, told otherwise than by net/url: scheme and host in any case, the path percent-encoded or not.
var ours = regexp.MustCompile(`^(?i:https://gw\.acme\.example)(:443|:8443)?(/[^?#]*)([?#].*)?$`)

// Whatever htu says, a proof is taken only for an address of ours: the host byte by byte but for its case, and a path that percent-decodes to that of the request, whose slashes
// are slashes.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"https://gw.acme.example/v1/tickets", "HTTPS://GW.acme.example:443/%76%31/tickets?a#b", "https://gw.acme.example:8443/v1/tickets", "https://gw.acme.example/v1%2Ftickets",
		"https://evil.example/v1/tickets", "https://gw.acme.example@evil.example/v1/tickets", "https://gw.acme.example\\@evil.example/v1/tickets", "//gw.acme.example/v1/tickets",
		"https://gw%2eacme.example/v1/tickets", "https://gw.acme.example:/v1/tickets", "https:/gw.acme.example/v1/tickets", "http://gw.acme.example/v1/tickets",
	} {
		f.Add(seed)
	}
	h := newHolder("ES256")
	f.Fuzz(func(t *testing.T, htu string) {
		if _, err := verify(verifier(), h.proof(nil, authtest.Claims{"htu": htu})); err != nil {
			if auth.ReasonOf(err) != auth.ProofInvalid {
				t.Fatalf("%q: got %v", htu, err)
			}
			return
		}
		parts := ours.FindStringSubmatch(htu)
		if parts == nil {
			t.Fatalf("%q was taken, and is no address of ours", htu)
		}
		if path, err := url.PathUnescape(parts[2]); err != nil || path != "/v1/tickets" || strings.Count(parts[2], "/") != 2 {
			t.Fatalf("%q was taken, and its path is %q, %v", htu, path, err)
		}
	})
}
