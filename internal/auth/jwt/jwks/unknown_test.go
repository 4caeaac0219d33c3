package jwks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/jwks"
)

// rotating is an identity service whose keys can be changed, and that can be made to take its time.
type rotating struct {
	now     atomic.Pointer[authtest.Issuer]
	delay   atomic.Int64
	failing atomic.Bool
	fetches atomic.Int32
}

func (s *rotating) RoundTrip(r *http.Request) (*http.Response, error) {
	s.fetches.Add(1)
	select {
	case <-time.After(time.Duration(s.delay.Load())):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if s.failing.Load() {
		return answer(http.StatusInternalServerError, strings.NewReader("down")), nil
	}
	return document(s.now.Load().JWKS()), nil
}

func rotate(t *testing.T) (*rotating, *jwks.Source, *authtest.Issuer) {
	t.Helper()
	service, first := new(rotating), authtest.New("https://id.example")
	service.now.Store(first)
	s, err := jwks.URL(uri, service, jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	running(t, s)
	synctest.Wait()
	return service, s, first
}

func lookup(s *jwks.Source, kid string) auth.Reason {
	_, err := s.Lookup(context.Background(), time.Now(), kid, "ES256")
	return auth.ReasonOf(err)
}

func TestANewKeyWorksWithinASecondOfItsFirstUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, s, _ := rotate(t)
		service.delay.Store(int64(300 * time.Millisecond))
		time.Sleep(time.Minute)
		next := authtest.New("https://id.example")
		service.now.Store(next)
		start := time.Now()
		if got := knows(s, next); got != "" || time.Since(start) != 300*time.Millisecond {
			t.Errorf("got %q after %v, want the key after 300ms", got, time.Since(start))
		}
		again := authtest.New("https://id.example") // a rotation right behind the first
		service.now.Store(again)
		if got := knows(s, again); got != "" {
			t.Errorf("the next key: %q", got)
		}
		if got := service.fetches.Load(); got != 3 {
			t.Errorf("%d fetches, want 3", got)
		}
	})
}

// Ten thousand key ids that nobody has cause two fetches, and what is known goes on without waiting.
func TestAStormOfUnknownKeyIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, s, first := rotate(t)
		time.Sleep(time.Minute)
		before := service.fetches.Load()
		service.delay.Store(int64(500 * time.Millisecond))
		var all sync.WaitGroup
		for i := range 10_000 {
			all.Go(func() {
				if got := lookup(s, fmt.Sprint("nobody-", i)); got != auth.UnknownKey {
					t.Errorf("got %q, want unknown_key", got)
				}
			})
			if i%100 == 0 {
				start := time.Now()
				if got := knows(s, first); got != "" || time.Since(start) != 0 {
					t.Errorf("a known key: %q after %v", got, time.Since(start))
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
		all.Wait()
		if got := service.fetches.Load() - before; got != 2 {
			t.Errorf("10,000 unknown key ids in 10 s caused %d fetches, want 2", got)
		}
		time.Sleep(time.Minute)
		next := authtest.New("https://id.example")
		service.now.Store(next)
		if got := knows(s, next); got != "" {
			t.Errorf("a minute after the storm a new key is not found: %q", got)
		}
	})
}

// One key id that is not there asks once a minute, however often it comes.
func TestAKeyIDThatIsNotThereIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, s, _ := rotate(t)
		time.Sleep(time.Minute)
		before := service.fetches.Load()
		for range 1000 {
			lookup(s, "nobody")
		}
		if got := service.fetches.Load() - before; got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}

func TestAServiceThatHangsHoldsNobodyUpForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, s, first := rotate(t)
		time.Sleep(time.Minute)
		service.delay.Store(int64(time.Hour))
		start := time.Now()
		var all sync.WaitGroup
		var waited atomic.Int32
		for range 1000 {
			all.Go(func() {
				lookup(s, "nobody")
				switch took := time.Since(start); took {
				case 0:
				case time.Second:
					waited.Add(1)
				default:
					t.Errorf("a request waited %v", took)
				}
			})
		}
		synctest.Wait()
		if got := knows(s, first); got != "" || time.Since(start) != 0 {
			t.Errorf("a known key: %q after %v, want it at once", got, time.Since(start))
		}
		all.Wait()
		if got := waited.Load(); got != 256 {
			t.Errorf("%d requests waited, want 256 and not one more", got)
		}
		time.Sleep(time.Minute)
		if got := knows(s, first); got != "" {
			t.Errorf("a known key of a service that hangs: %q", got)
		}
		if got := lookup(s, "another"); got != auth.KeysUnavailable {
			t.Errorf("an unknown key of a service that hangs: got %q, want keys_unavailable: nobody can say that it is wrong", got)
		}
	})
}

// Whoever comes first after a service is back finds it there, and need not wait for the next attempt.
func TestAServiceThatIsBackIsFoundByItsFirstUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, issuer := new(rotating), authtest.New("https://id.example")
		service.now.Store(issuer)
		service.failing.Store(true)
		s, err := jwks.URL(uri, service, jwks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		running(t, s)
		time.Sleep(10 * time.Minute) // attempts are a minute apart now
		if got := knows(s, issuer); got != auth.KeysUnavailable {
			t.Errorf("while it is down: got %q", got)
		}
		service.failing.Store(false)
		time.Sleep(time.Second) // users cause a fetch a second
		start := time.Now()
		if got := knows(s, issuer); got != "" || time.Since(start) > time.Second {
			t.Errorf("when it is back: got %q after %v", got, time.Since(start))
		}
	})
}

func TestNobodyWaitsForASourceThatDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, issuer := new(rotating), authtest.New("https://id.example")
		service.now.Store(issuer)
		s, err := jwks.URL(uri, service, jwks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if got := lookup(s, "nobody"); got != auth.UnknownKey || time.Since(start) != 0 {
			t.Errorf("got %q after %v", got, time.Since(start))
		}
	})
}

// issuerAt is a service that publishes a discovery document and keys.
func issuerAt(pages map[string]func() *http.Response) service {
	return func(r *http.Request) (*http.Response, error) {
		if page := pages[r.URL.String()]; page != nil {
			return page(), nil
		}
		return answer(http.StatusNotFound, strings.NewReader("")), nil
	}
}

func TestKeysAreDiscovered(t *testing.T) {
	issuer := authtest.New("https://id.example/tenant/")
	var moved atomic.Bool
	s, err := jwks.Discovery(issuer.URL, issuerAt(map[string]func() *http.Response{
		"https://id.example/tenant/.well-known/openid-configuration": func() *http.Response {
			at := "https://keys.example/old"
			if moved.Load() {
				at = "https://keys.example/new"
			}
			return document([]byte(`{"issuer":"https://id.example/tenant/","jwks_uri":"` + at + `","authorization_endpoint":"x"}`))
		},
		"https://keys.example/old": func() *http.Response { return document(authtest.New("x").JWKS()) },
		"https://keys.example/new": func() *http.Response { return document(issuer.JWKS()) },
	}), jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context()); err != nil || knows(s, issuer) != auth.UnknownKey {
		t.Errorf("got %v, %q", err, knows(s, issuer))
	}
	moved.Store(true)
	if err := s.Fetch(t.Context()); err != nil || knows(s, issuer) != "" {
		t.Errorf("after the keys moved: got %v, %q", err, knows(s, issuer))
	}
}

func TestDiscoveryBelievesNobodyElse(t *testing.T) {
	const at = "https://id.example/.well-known/openid-configuration"
	good := authtest.New("https://id.example")
	keys := func() *http.Response { return document(good.JWKS()) }
	page := func(text string) func() *http.Response {
		return func() *http.Response { return document([]byte(text)) }
	}
	redirect := func() *http.Response {
		r := answer(http.StatusFound, strings.NewReader(""))
		r.Header.Set("Location", "https://id.example/other")
		return r
	}
	tests := []struct {
		name  string
		pages map[string]func() *http.Response
	}{
		{"nothing there", nil},
		{"another issuer's document", map[string]func() *http.Response{at: page(`{"issuer":"https://evil.example","jwks_uri":"https://id.example/keys"}`)}},
		{"an issuer with a slash more", map[string]func() *http.Response{at: page(`{"issuer":"https://id.example/","jwks_uri":"https://id.example/keys"}`)}},
		{"an issuer in upper case", map[string]func() *http.Response{at: page(`{"issuer":"https://ID.example","jwks_uri":"https://id.example/keys"}`)}},
		{"no issuer", map[string]func() *http.Response{at: page(`{"jwks_uri":"https://id.example/keys"}`)}},
		{"no keys", map[string]func() *http.Response{at: page(`{"issuer":"https://id.example"}`)}},
		{"keys over http", map[string]func() *http.Response{at: page(`{"issuer":"https://id.example","jwks_uri":"http://id.example/keys"}`)}},
		{"keys on this machine", map[string]func() *http.Response{at: page(`{"issuer":"https://id.example","jwks_uri":"http://127.0.0.1:9/keys"}`)}},
		{"keys in a file", map[string]func() *http.Response{at: page(`{"issuer":"https://id.example","jwks_uri":"file:///etc/passwd"}`)}},
		{"keys behind a password", map[string]func() *http.Response{at: page(`{"issuer":"https://id.example","jwks_uri":"https://a:b@id.example/keys"}`)}},
		{"HTML", map[string]func() *http.Response{at: page(`<!doctype html>`)}},
		{"a redirect", map[string]func() *http.Response{at: redirect, "https://id.example/other": page(`{"issuer":"https://id.example","jwks_uri":"https://id.example/keys"}`)}},
		{"a redirect of the keys", map[string]func() *http.Response{at: page(`{"issuer":"https://id.example","jwks_uri":"https://id.example/moved"}`), "https://id.example/moved": redirect,
			"https://id.example/other": keys}},
		{"a document without an end", map[string]func() *http.Response{at: func() *http.Response {
			return answer(http.StatusOK, io.MultiReader(strings.NewReader(`{"issuer":"https://id.example","jwks_uri":"https://id.example/keys","x":"`), endless{}))
		}}},
		{"an empty set", map[string]func() *http.Response{at: page(`{"issuer":"https://id.example","jwks_uri":"https://id.example/none"}`), "https://id.example/none": page(`{"keys":[]}`)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pages := map[string]func() *http.Response{"https://id.example/keys": keys, "http://127.0.0.1:9/keys": keys, "http://id.example/keys": keys}
			for at, page := range tt.pages {
				pages[at] = page
			}
			s, err := jwks.Discovery("https://id.example", issuerAt(pages), jwks.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Fetch(t.Context()); err == nil || knows(s, good) != auth.KeysUnavailable {
				t.Errorf("got %v, %q; want an error, and no keys", err, knows(s, good))
			}
		})
	}
	for _, bad := range []string{"", "ana", "http://id.example", "https://id.example?x=1", "https://id.example#x", "https://a:b@id.example", "file:///etc"} {
		if _, err := jwks.Discovery(bad, nil, jwks.Options{}); err == nil || !strings.Contains(err.Error(), "jwks_uri or jwks_file") {
			t.Errorf("issuer %q: got %v, want an error with the remedy", bad, err)
		}
	}
}

// endless is a document that goes on.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}
