package jwks_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/jwks"
)

const uri = "https://id.example/jwks.json?code=secret"

// service answers requests without a network.
type service func(*http.Request) (*http.Response, error)

func (s service) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func answer(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}
}

func document(b []byte) *http.Response { return answer(http.StatusOK, strings.NewReader(string(b))) }

func fromURL(t *testing.T, s service, options jwks.Options) *jwks.Source {
	t.Helper()
	source, err := jwks.URL(uri, s, options)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestURLRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "id.example/jwks", "ftp://id.example/jwks", "file:///etc/jwks.json", "https:///jwks", "http://id.example/jwks",
		"http://127.0.0.1.nip.example/jwks", "http://169.254.169.254/latest", "https://user:password@id.example/jwks", "https://id.example/%zz",
	} {
		_, err := jwks.URL(bad, nil, jwks.Options{})
		if err == nil || strings.Contains(err.Error(), "password") {
			t.Errorf("%q: got %v, want an error that shows no password", bad, err)
		}
	}
	for _, good := range []string{"https://id.example/jwks", "http://127.0.0.1:8080/jwks", "http://[::1]/jwks", "http://localhost:8080/jwks"} {
		if _, err := jwks.URL(good, nil, jwks.Options{}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestKeysAreFetchedEveryFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, new := authtest.New("https://id.example"), authtest.New("https://id.example")
		var now atomic.Pointer[authtest.Issuer]
		now.Store(old)
		var observer fetches
		s := fromURL(t, func(*http.Request) (*http.Response, error) { return document(now.Load().JWKS()), nil }, jwks.Options{Observer: &observer})
		if got := knows(s, old); got != auth.KeysUnavailable {
			t.Errorf("before the first fetch: got %q, want %s", got, auth.KeysUnavailable)
		}
		running(t, s)
		synctest.Wait()
		if got := knows(s, old); got != "" {
			t.Errorf("at once: %s", got)
		}
		now.Store(new)
		for range 1000 { // a key that is in use does not live longer for it
			knows(s, old)
		}
		time.Sleep(4 * time.Minute)
		if got := len(observer.seen()); got != 1 {
			t.Errorf("%d fetches in 4 minutes, want 1", got)
		}
		time.Sleep(2 * time.Minute)
		if got := len(observer.seen()); got != 2 {
			t.Errorf("%d fetches in 6 minutes, want 2", got)
		}
		if got := knows(s, old); got != auth.UnknownKey {
			t.Errorf("a key that was taken out: got %q, want %s", got, auth.UnknownKey)
		}
		if got := knows(s, new); got != "" {
			t.Errorf("a key that was put in: %s", got)
		}
		time.Sleep(10 * time.Hour)
		seen := observer.seen()
		seen = seen[2:] // from the one on that was for the key which had been taken out
		for i, f := range seen[1:] {
			if pause := f.at.Sub(seen[i].at); pause < 270*time.Second || pause > 330*time.Second {
				t.Errorf("fetch %d came after %v, want 5m give or take 30s", i+1, pause)
			}
		}
	})
}

func TestAFailedFetchIsRepeatedLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var observer fetches
		s := fromURL(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") }, jwks.Options{Observer: &observer})
		running(t, s)
		time.Sleep(5 * time.Minute)
		seen := observer.seen()
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			want *= time.Second
			if pause := seen[i+1].at.Sub(seen[i].at); pause < want*9/10 || pause > want*11/10 {
				t.Errorf("attempt %d came after %v, want %v give or take a tenth", i+1, pause, want)
			}
		}
		if got := knows(s, authtest.New("https://id.example")); got != auth.KeysUnavailable {
			t.Errorf("got %q, want %s", got, auth.KeysUnavailable)
		}
	})
}

func TestTheLastGoodKeysAreKeptForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.New("https://id.example")
		var down atomic.Bool
		var observer fetches
		s := fromURL(t, func(*http.Request) (*http.Response, error) {
			if down.Load() {
				return answer(http.StatusBadGateway, strings.NewReader("down")), nil
			}
			return document(issuer.JWKS()), nil
		}, jwks.Options{Observer: &observer})
		if err := s.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		running(t, s)
		down.Store(true)
		time.Sleep(24 * time.Hour)
		if got := knows(s, issuer); got != "" {
			t.Errorf("after a day: %s", got)
		}
		seen := observer.seen()
		if last := seen[len(seen)-1]; last.err == nil || last.keys != 1 {
			t.Errorf("the observer heard of %v with %d keys, want an error with 1 key", last.err, last.keys)
		}
		time.Sleep(time.Second)
		if got := knows(s, issuer); got != auth.KeysUnavailable {
			t.Errorf("after more than a day: got %q, want %s", got, auth.KeysUnavailable)
		}
		down.Store(false)
		time.Sleep(70 * time.Second)
		if got := knows(s, issuer); got != "" {
			t.Errorf("the service is back: %s", got)
		}
	})
}

// A service that hangs costs five seconds in the background, and a handshake nothing.
func TestAHangingServiceMakesNobodyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.New("https://id.example")
		var hang atomic.Bool
		s := fromURL(t, func(r *http.Request) (*http.Response, error) {
			if hang.Load() {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return document(issuer.JWKS()), nil
		}, jwks.Options{})
		if err := s.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		hang.Store(true)
		done := make(chan error, 1)
		start := time.Now()
		go func() { done <- s.Fetch(t.Context()) }()
		synctest.Wait()
		if got := knows(s, issuer); got != "" || time.Since(start) != 0 {
			t.Errorf("got %q after %v, want the key at once", got, time.Since(start))
		}
		if err := <-done; err == nil || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %v, want an error after 5s", err, time.Since(start))
		}
	})
}

// counted is a body without an end, that counts what was read.
type counted struct{ n int }

func (c *counted) Read(p []byte) (int, error) {
	c.n += len(p)
	return copy(p, strings.Repeat(" ", len(p))), nil
}

func TestAHugeDocumentIsLeftUnread(t *testing.T) {
	body := &counted{}
	s := fromURL(t, func(*http.Request) (*http.Response, error) { return answer(http.StatusOK, body), nil }, jwks.Options{})
	if err := s.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "262144 bytes") {
		t.Errorf("got %v, want an error that names the limit", err)
	}
	if body.n > jwks.MaxSize+1 {
		t.Errorf("%d bytes were read, want at most %d", body.n, jwks.MaxSize+1)
	}
}

func TestAFetchShowsNoQuery(t *testing.T) {
	answers := map[string]service{
		"no answer": func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") },
		"not found": func(*http.Request) (*http.Response, error) { return answer(404, strings.NewReader("")), nil },
		"not JSON":  func(*http.Request) (*http.Response, error) { return document([]byte("<html>")), nil },
		"a broken URL": func(*http.Request) (*http.Response, error) {
			r := answer(302, strings.NewReader(""))
			r.Header.Set("Location", "::not a url")
			return r, nil
		},
	}
	for name, s := range answers {
		t.Run(name, func(t *testing.T) {
			err := fromURL(t, s, jwks.Options{}).Fetch(t.Context())
			if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "https://id.example/jwks.json") {
				t.Errorf("got %v, want an error that names the URL without its query", err)
			}
		})
	}
}

// A redirect would let whoever controls the identity service's front door send the gateway to fetch any URL, and take keys from there.
func TestARedirectIsNotFollowed(t *testing.T) {
	issuer := authtest.New("https://id.example")
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var followed atomic.Bool
			elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				followed.Store(true)
				issuer.ServeHTTP(w, r)
			}))
			defer elsewhere.Close()
			door := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
			defer door.Close()
			s, err := jwks.URL(door.URL, nil, jwks.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) || followed.Load() {
				t.Errorf("got %v, followed %v; want an error with %d", err, followed.Load(), status)
			}
		})
	}
}

// Over a real network, with the transport that the gateway uses.
func TestKeysOverHTTPS(t *testing.T) {
	issuer := authtest.New("https://id.example")
	server := httptest.NewUnstartedServer(issuer)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the client that does not trust it
	server.StartTLS()
	defer server.Close()

	s, err := jwks.URL(server.URL, nil, jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context()); err == nil {
		t.Error("a server with a certificate of nobody's was believed")
	}

	authorities := x509.NewCertPool()
	authorities.AddCert(server.Certificate())
	trusted := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}, DisableKeepAlives: true}
	if s, err = jwks.URL(server.URL, trusted, jwks.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context()); err != nil || knows(s, issuer) != "" {
		t.Errorf("got %v, %q; want the key", err, knows(s, issuer))
	}
}

func TestAFetchThatIsCalledOffIsNoFailure(t *testing.T) {
	var observer fetches
	ctx, stop := context.WithCancel(t.Context())
	s := fromURL(t, func(*http.Request) (*http.Response, error) { stop(); return nil, ctx.Err() }, jwks.Options{Observer: &observer})
	if err := s.Fetch(ctx); !errors.Is(err, context.Canceled) || len(observer.seen()) != 0 {
		t.Errorf("got %v, and %d fetches told; want it cancelled and none told", err, len(observer.seen()))
	}
}

// Keys over plain http come from this machine alone, also when a name that the configuration allows leads somewhere else by the time that it is dialled: whoever answers there would let anybody in.
func TestKeysOverPlainHTTPFromAnotherMachine(t *testing.T) {
	all, err := net.Listen("tcp4", "0.0.0.0:0") // also reached as 0.0.0.0, which is no loopback address
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })}
	go server.Serve(all)
	defer server.Close()
	_, port, _ := net.SplitHostPort(all.Addr().String())
	client := http.Client{Transport: jwks.NewTransport("http")}
	if answer, err := client.Get("http://127.0.0.1:" + port + "/jwks.json"); err != nil {
		t.Errorf("from this machine: %v", err)
	} else {
		answer.Body.Close()
	}
	for _, host := range []string{"0.0.0.0", "169.254.169.254", "10.0.0.1"} {
		answer, err := client.Get("http://" + net.JoinHostPort(host, port) + "/jwks.json")
		if err == nil {
			answer.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "is not this machine") {
			t.Errorf("%s: got %v, want that it was not dialled", host, err)
		}
	}
}
