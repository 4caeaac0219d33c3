package blackbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth/authtest"
)

// misbehaviours are what identity services do on bad days, or under somebody else's hand.
var misbehaviours = map[string]func(s, good *publisher) http.HandlerFunc{
	"says that it is another": func(s, good *publisher) http.HandlerFunc {
		return s.discovered(s.Issuer.ServeHTTP, s.URL+`","`, good.URL+`","`)
	},
	"says that it is nearly itself": func(s, _ *publisher) http.HandlerFunc {
		return s.discovered(s.Issuer.ServeHTTP, s.URL+`","`, s.URL+`/","`)
	},
	"hangs":                     func(*publisher, *publisher) http.HandlerFunc { return hang },
	"hangs with its keys":       func(s, _ *publisher) http.HandlerFunc { return s.discovered(hang) },
	"drips":                     func(*publisher, *publisher) http.HandlerFunc { return drip },
	"fails":                     func(*publisher, *publisher) http.HandlerFunc { return fail },
	"fails with its keys":       func(s, _ *publisher) http.HandlerFunc { return s.discovered(fail) },
	"shows a page":              func(*publisher, *publisher) http.HandlerFunc { return page },
	"shows a page for its keys": func(s, _ *publisher) http.HandlerFunc { return s.discovered(page) },
	"sends 100 MB":              func(*publisher, *publisher) http.HandlerFunc { return hundredMegabytes },
	"sends 100 MB of keys":      func(s, _ *publisher) http.HandlerFunc { return s.discovered(hundredMegabytes) },
	"sends elsewhere": func(_, good *publisher) http.HandlerFunc {
		return http.RedirectHandler(good.URL+"/.well-known/openid-configuration", http.StatusFound).ServeHTTP
	},
	"sends elsewhere for its keys": func(s, good *publisher) http.HandlerFunc {
		return s.discovered(http.RedirectHandler(good.URL+"/keys", http.StatusFound).ServeHTTP)
	},
	"has no keys": func(s, _ *publisher) http.HandlerFunc { return s.discovered(publishing(`{"keys":[]}`)) },
	"has a shared secret for a key": func(s, _ *publisher) http.HandlerFunc {
		return s.discovered(publishing(`{"keys":[{"kty":"oct","kid":"` + s.KeyID + `","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`))
	},
	"has two keys of one name": func(s, _ *publisher) http.HandlerFunc {
		return s.discovered(publishing(string(authtest.KeySet(s.JWK(), s.JWK()))))
	},
	"keeps its keys in a file": func(s, _ *publisher) http.HandlerFunc {
		return s.discovered(s.Issuer.ServeHTTP, s.URL+"/keys", "file:///etc/passwd")
	},
	"keeps its keys on an open road": func(s, _ *publisher) http.HandlerFunc {
		return s.discovered(s.Issuer.ServeHTTP, s.URL+"/keys", "http://192.0.2.1/keys")
	},
	"does not say where its keys are": func(s, _ *publisher) http.HandlerFunc { return s.discovered(s.Issuer.ServeHTTP, "jwks_uri", "jwks") },
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
func fail(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "on fire", http.StatusInternalServerError)
}
func page(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, "<!doctype html><title>Sign in</title>")
}
func publishing(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func drip(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		io.WriteString(w, " ")
		http.NewResponseController(w).Flush()
		time.Sleep(50 * time.Millisecond)
	}
}

func hundredMegabytes(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"keys":[`)
	chunk := []byte(strings.Repeat(" ", 1<<20))
	for range 100 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// A service that misbehaves is its own users' trouble. They are told to come again; everybody else does not notice, and the node is up.
func TestAnIdentityServiceThatMisbehaves(t *testing.T) {
	t.Parallel()
	good := publish(t, "good|")
	good.answers(good.discovered(good.Issuer.ServeHTTP))
	o, bad := managed, make(map[string]*publisher)
	o.acme.issuers += "\n" + good.entry("")
	for name, does := range misbehaviours {
		s := publish(t, strings.ReplaceAll(name, " ", "-")+"|")
		s.answers(does(s, good))
		bad[name] = s
		o.acme.issuers += s.entry("")
	}
	began := time.Now()
	g := start(t, o)
	if took := time.Since(began); took > withinASecond {
		t.Errorf("it was ready after %v", took)
	}
	memory := g.watchMemory(t)
	accepted(t, g.handshake(t, bearer(good.token(good.Issuer)))).lives(t)
	g.dial(t, acme.token("ana")).lives(t)
	for name, s := range bad {
		t.Run(name, func(t *testing.T) {
			for end := time.Now().Add(patience); s.asked.Load() == 0 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			began := time.Now()
			g.refuses(t, unavailable("keys_unavailable"), func() *answer { return g.handshake(t, bearer(s.token(s.Issuer))) })
			if took := time.Since(began); took > withinASecond {
				t.Errorf("its user waited for %v", took)
			}
			if sent, fetches := s.written.Load(), s.asked.Load(); sent > fetches*(8<<20) {
				t.Errorf("%d bytes were read in %d fetches", sent, fetches)
			}
		})
	}
	// Nobody's keys were taken for another's.
	for _, name := range []string{"says that it is another", "sends elsewhere", "sends elsewhere for its keys"} {
		g.refuses(t, unavailable("keys_unavailable"), func() *answer { return g.handshake(t, bearer(bad[name].token(good.Issuer))) })
	}
	g.until(t, float64(len(bad)), "portcullis_jwks_issuers", "keys", "missing")
	memory.stayed(t, 64<<20)
	if status, _, err := g.ask("/readyz"); err != nil || status != http.StatusOK {
		t.Errorf("/readyz: %d, %v, want 200", status, err)
	}
	accepted(t, g.handshake(t, bearer(good.token(good.Issuer)))).lives(t)
}

// The gateway starts while the identity service is down, and finds it when it comes up; and what it knows of one that goes down again it keeps.
func TestAnIdentityServiceThatIsDownAtTheStart(t *testing.T) {
	t.Parallel()
	s := publish(t, "late|")
	s.answers(fail)
	o := managed
	o.acme.issuers += "\n" + s.entry("")
	g := start(t, o)
	token := s.token(s.Issuer)
	g.refuses(t, unavailable("keys_unavailable"), func() *answer { return g.handshake(t, bearer(token)) })
	g.dial(t, acme.token("ana"))
	s.answers(s.discovered(s.Issuer.ServeHTTP))
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		a := g.handshake(t, bearer(token))
		if a.status == http.StatusSwitchingProtocols {
			accepted(t, a).lives(t) // it is counted before its welcome: what follows counts too
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it is up, and its user still gets %d %s", a.status, a.body)
		}
	}
	next := authtest.New(s.URL)
	for name, does := range map[string]http.HandlerFunc{"fails": fail, "has no keys": s.discovered(publishing(`{"keys":[]}`))} {
		s.answers(does)
		// A key that nobody can look up now may be a new one: that is no refusal for ever.
		next.KeyID = someone("next")
		g.refuses(t, unavailable("keys_unavailable"), func() *answer { return g.handshake(t, bearer(s.token(next))) })
		accepted(t, g.handshake(t, bearer(s.token(s.Issuer)))).lives(t)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
