package blackbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth/authtest"
)

// keyed starts a gateway that reads a service's keys from its address, and has read them.
func keyed(t *testing.T, s *publisher) *gateway {
	t.Helper()
	o := managed
	o.acme.issuers += "\n" + s.entry(s.URL+"/keys")
	g := start(t, o)
	for end := time.Now().Add(patience); s.asked.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody asked the service for its keys")
		}
	}
	accepted(t, g.handshake(t, bearer(s.token(s.Issuer)))).Close()
	return g
}

// many asks whoami with n tokens, on as many lines at once as a flood has. It wants one status for all, and returns how long that took.
func (g *gateway) many(t *testing.T, n int, token func(i int) string, status int) time.Duration {
	t.Helper()
	began := time.Now()
	err := parallel(n, 16, func(i int) error {
		l, err := g.open()
		if err != nil {
			return err
		}
		defer l.Close()
		a, err := l.request(g.get("/v1/whoami", bearer(token(i))))
		if err == nil && a.status != status {
			err = fmt.Errorf("got %d %s, want %d", a.status, a.body, status)
		}
		return err
	})
	if err != nil {
		t.Errorf("%.2000v", err)
	}
	return time.Since(began)
}

// Anybody can write a key id into a token. If each made the gateway ask for keys, a stranger could use it against the identity service.
func TestTenThousandUnknownKeys(t *testing.T) {
	t.Parallel()
	s := publish(t, "keys|")
	g := keyed(t, s)
	count := 600
	if full() {
		count = 10_000
	}
	_, rest, _ := strings.Cut(s.token(s.Issuer), ".")
	before, verified := s.asked.Load(), g.mark(t, "portcullis_verifications_total", "kind", "signature")
	unknown := g.mark(t, "portcullis_api_requests_total", "purpose", "api", "reason", "unknown_key")
	took := g.many(t, count, func(i int) string {
		return authtest.Segment(fmt.Sprintf(`{"alg":"ES256","kid":"unknown-%d"}`, i)) + "." + rest
	}, http.StatusUnauthorized)
	asked := s.asked.Load() - before
	t.Logf("%d unknown keys in %v caused %d fetches", count, took, asked)
	if most := 2 * (1 + int64(took/time.Minute)); asked > most {
		t.Errorf("%d unknown keys in %v caused %d fetches, want at most 2 a minute", count, took, asked)
	}
	unknown.moved(t, float64(count))
	verified.moved(t, 0)
	accepted(t, g.handshake(t, bearer(s.token(s.Issuer))))
}

// A signature that is wrong is wrong: newer keys of the same name would not mend it.
func TestFiftyBadSignaturesWithAKnownKey(t *testing.T) {
	t.Parallel()
	s := publish(t, "keys|")
	g := keyed(t, s)
	fake := authtest.New(s.URL)
	fake.KeyID = s.KeyID
	before, verified := s.asked.Load(), g.mark(t, "portcullis_verifications_total", "kind", "signature")
	g.many(t, 50, func(i int) string { return s.token(fake, claims{"jti": fmt.Sprint(i)}) }, http.StatusUnauthorized)
	g.many(t, 50, func(int) string { return s.token(s.Issuer, claims{"exp": now() - 60}) }, http.StatusUnauthorized)
	if asked := s.asked.Load() - before; asked != 0 {
		t.Errorf("100 bad tokens with a known key caused %d fetches, want none", asked)
	}
	verified.moved(t, 100)
}

// A client that reconnects in a loop, or a thousand that were cut off at once, cost no signature that was verified before; and are still asked everything else.
func TestOneTokenTenThousandTimes(t *testing.T) {
	t.Parallel()
	g := start(t, managed)
	count := 600
	if full() {
		count = 10_000
	}
	id := someone("jti")
	token := acme.token("ana", claims{"jti": id})
	verified := g.mark(t, "portcullis_verifications_total", "kind", "signature")
	g.dial(t, token).Close()
	verified.moved(t, 1)
	took := g.many(t, count, func(int) string { return token }, http.StatusOK)
	t.Logf("%d times in %v", count, took)
	g.dial(t, token, "Origin: "+acme.origin).Close()
	verified.moved(t, 1)
	// What is remembered is the signature, and not that the token counts.
	g.refuses(t, wrongOrigin, func() *answer { return g.handshake(t, bearer(token), "Origin: https://evil.example") })
	verified.moved(t, 1)
	g.refuses(t, unbelieved("bad_signature"), func() *answer { return g.handshake(t, bearer(secret(token[:len(token)-8]+"AAAAAAAA"))) })
	verified.moved(t, 2)
	g.revoke(t, fmt.Sprintf(`{"kind":"token","value":%q}`, id)) // one more, of the backend
	g.shut(t, token)
	verified.moved(t, 3)
}

// A key that its issuer takes back stops newcomers and refreshes, also by tokens that the gateway has seen before; and a new one counts at once.
func TestAKeyThatItsIssuerTookBack(t *testing.T) {
	t.Parallel()
	s := publish(t, "keys|")
	g := keyed(t, s)
	next, stolen := authtest.New(s.URL), s.token(s.Issuer)
	live := g.dial(t, stolen)
	s.publishes(next)
	began := time.Now()
	in := accepted(t, g.handshake(t, bearer(s.token(next))))
	if took := time.Since(began); took > withinASecond {
		t.Errorf("the new key counted after %v, want at most a second", took)
	}
	g.refuses(t, unbelieved("unknown_key"), func() *answer { return g.handshake(t, bearer(stolen)) })
	g.refuses(t, unbelieved("unknown_key"), func() *answer { return g.handshake(t, bearer(s.token(s.Issuer))) })
	g.refuses(t, unbelieved("bad_signature"), func() *answer {
		return g.handshake(t, bearer(secret(s.Sign(claims{"kid": absent}, claims{"iss": s.URL, "sub": "ana", "aud": acme.audience, "exp": now() + 60}))))
	})
	live.mayNot("unauthorized", `{"type":"refresh","id":1,"token":%q}`, s.token(s.Issuer))
	live.lives(t) // to its end
	live.does(`{"type":"refresh","id":2,"token":%q}`, s.token(next))
	in.lives(t)
	// Another key under the old one's name is another key.
	renamed := authtest.New(s.URL)
	renamed.KeyID = next.KeyID
	g.refuses(t, unbelieved("bad_signature"), func() *answer { return g.handshake(t, bearer(s.token(renamed))) })
}
