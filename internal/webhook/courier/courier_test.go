package courier_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"portcullis/internal/config"
	"portcullis/internal/webhook/courier"
)

func to(t *testing.T, url string, roots *x509.CertPool) *courier.Courier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := config.ReadSigningKey(config.File(file))
	if err != nil {
		t.Fatal(err)
	}
	c, err := courier.New(courier.Config{URL: url, Keys: []config.SigningKey{key, key}, Roots: roots, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Rest)
	return c
}

func TestWhatAnAnswerMeans(t *testing.T) {
	tests := []struct {
		status int
		after  string
		want   courier.Answer
	}{
		{200, "", courier.Answer{Result: courier.Taken, Detail: "200"}},
		{202, "5", courier.Answer{Result: courier.Taken, Detail: "202", After: 5 * time.Second}},
		{204, "", courier.Answer{Result: courier.Taken, Detail: "204"}},
		{301, "", courier.Answer{Result: courier.Redirected, Detail: "301"}},
		{304, "", courier.Answer{Result: courier.Redirected, Detail: "304"}},
		{400, "", courier.Answer{Result: courier.Denied, Detail: "400"}},
		{401, "", courier.Answer{Result: courier.Denied, Detail: "401"}},
		{408, "", courier.Answer{Result: courier.Throttled, Detail: "408"}},
		{410, "", courier.Answer{Result: courier.Ended, Detail: "410"}},
		{429, "120", courier.Answer{Result: courier.Throttled, Detail: "429", After: 2 * time.Minute}},
		{429, "-1", courier.Answer{Result: courier.Throttled, Detail: "429"}},
		{429, "99999999999999999999", courier.Answer{Result: courier.Throttled, Detail: "429"}},
		{429, "Sat, 01 Jan 2000 00:00:00 GMT", courier.Answer{Result: courier.Throttled, Detail: "429"}},
		{500, "", courier.Answer{Result: courier.Failed, Detail: "500"}},
		{503, "soon", courier.Answer{Result: courier.Failed, Detail: "503"}},
		{999, "", courier.Answer{Result: courier.Failed, Detail: "999"}},
	}
	for _, tt := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			if tt.after != "" {
				w.Header().Set("Retry-After", tt.after)
			}
			w.WriteHeader(tt.status)
		}))
		if got := to(t, server.URL, nil).Bring(t.Context(), "msg_1", []byte("[]")); got != tt.want {
			t.Errorf("%d %s: got %+v, want %+v", tt.status, tt.after, got, tt.want)
		}
		server.Close()
	}
}

// A receiver that answers with a few words keeps its connection, and one with more words than that loses it.
func TestASmallAnswerKeepsItsConnection(t *testing.T) {
	for words, want := range map[int]int{0: 1, 100: 1, 1 << 20: 3} {
		var mu sync.Mutex
		from := make(map[string]bool)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err != nil || string(body) != "[]" || len(strings.Fields(r.Header.Get("webhook-signature"))) != 2 {
				t.Errorf("got %q, %v", body, err)
			}
			mu.Lock()
			from[r.RemoteAddr] = true
			mu.Unlock()
			fmt.Fprint(w, strings.Repeat("x", words))
		}))
		c := to(t, server.URL, nil)
		for range 3 {
			if a := c.Bring(t.Context(), "msg_1", []byte("[]")); a.Result != courier.Taken {
				t.Errorf("got %+v", a)
			}
		}
		c.Rest()
		server.Close()
		if len(from) != want {
			t.Errorf("%d bytes: 3 requests came over %d connections, want %d", words, len(from), want)
		}
	}
}

// A receiver whose certificate is of another authority hears nothing, not even a header.
func TestAReceiverWithAForeignCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	for name, roots := range map[string]*x509.CertPool{"the system's": nil, "others": x509.NewCertPool()} {
		if a := to(t, server.URL, roots).Bring(t.Context(), "msg_1", []byte("[]")); a.Result != courier.Unreachable || !strings.Contains(a.Detail, "certificate") {
			t.Errorf("%s: got %+v", name, a)
		}
	}
}
