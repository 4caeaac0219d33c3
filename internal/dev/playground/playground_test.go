package playground_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"portcullis/internal/dev/playground"
)

func serve(t *testing.T) *httptest.Server {
	s := httptest.NewServer(playground.Handler(playground.Config{
		Gateway: "ws://127.0.0.1:8080/v1/ws", Users: []string{"ana", "ben"}, Issuer: "https://id.example", KeySet: []byte(`{"keys":[]}`),
		Token: func(user string) (string, error) { return "token of " + user, nil },
		Assertion: func(user string, keys []json.RawMessage) (string, error) {
			if len(keys) == 0 {
				return "", errors.New("no keys")
			}
			return "assertion of " + user + string(keys[0]), nil
		},
	}))
	t.Cleanup(s.Close)
	return s
}

// ask sends one request as edit leaves it.
func ask(t *testing.T, s *httptest.Server, method, path, body string, edit func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if edit != nil {
		edit(r)
	}
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestWhatThePageAsks(t *testing.T) {
	s := serve(t)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"the page", "GET", "/", "", 200, "<!doctype html>"},
		{"its picture, which browsers ask for", "GET", "/icon.svg", "", 200, "<svg"},
		{"settings", "GET", "/settings", "", 200, `"gateway":"ws://127.0.0.1:8080/v1/ws"`},
		{"the key set", "GET", "/jwks.json", "", 200, `{"keys":[]}`},
		{"a token", "POST", "/token", `{"user":"ana"}`, 200, `{"token":"token of ana"}`},
		{"an assertion", "POST", "/assertion", `{"user":"ben","keys":[7]}`, 200, `{"assertion":"assertion of ben7"}`},
		{"an assertion of no keys", "POST", "/assertion", `{"user":"ben"}`, 400, "no keys"},
		{"a token of somebody else", "POST", "/token", `{"user":"root"}`, 400, `nobody here is called "root"; take one of ana, ben`},
		{"a body that is no JSON", "POST", "/token", `ana`, 400, `the body is no {"user":"..."}`},
		{"a body without end", "POST", "/token", `{"user":"` + strings.Repeat("a", 1<<20) + `"}`, 400, "too large"},
		{"a token by GET", "GET", "/token", "", 404, ""},
		{"a file that is not the page's", "GET", "/../playground.go", "", 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer, text := ask(t, s, tt.method, tt.path, tt.body, nil)
			if answer.StatusCode != tt.status || !strings.Contains(text, tt.want) {
				t.Errorf("got %d %.200s, want %d %s", answer.StatusCode, text, tt.status, tt.want)
			}
			csp := answer.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "script-src 'self';") || !strings.HasSuffix(csp, "connect-src 'self' ws://127.0.0.1:8080 http://127.0.0.1:8080") {
				t.Errorf("got policy %q", csp)
			}
		})
	}
}

// A page of another site makes a browser ask for a token.
func TestAPageOfAnotherSiteGetsNoToken(t *testing.T) {
	s := serve(t)
	for _, tt := range []struct {
		name   string
		status int
		edit   func(*http.Request)
	}{
		{"by DNS rebinding", http.StatusMisdirectedRequest, func(r *http.Request) { r.Host = "evil.example" }},
		{"by DNS rebinding with a port", http.StatusMisdirectedRequest, func(r *http.Request) { r.Host = "evil.example:8082" }},
		{"by DNS rebinding with a name that looks like this machine", http.StatusMisdirectedRequest, func(r *http.Request) { r.Host = "localhost.evil.example" }},
		{"by an address of another machine", http.StatusMisdirectedRequest, func(r *http.Request) { r.Host = "192.0.2.1:8082" }},
		{"by fetch", http.StatusForbidden, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }},
		{"by fetch in an old browser", http.StatusForbidden, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }},
		{"by a form", http.StatusUnsupportedMediaType, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		{"by a form without a type", http.StatusUnsupportedMediaType, func(r *http.Request) { r.Header.Del("Content-Type") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer, text := ask(t, s, "POST", "/token", `{"user":"ana"}`, tt.edit)
			if answer.StatusCode != tt.status || strings.Contains(text, "token of") {
				t.Errorf("got %d %s, want %d", answer.StatusCode, text, tt.status)
			}
		})
	}
	for _, host := range []string{"localhost:8082", "127.0.0.1:8082", "[::1]:8082", "LOCALHOST"} {
		answer, text := ask(t, s, "POST", "/token", `{"user":"ana"}`, func(r *http.Request) { r.Host = host })
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", host, answer.StatusCode, text)
		}
	}
}
