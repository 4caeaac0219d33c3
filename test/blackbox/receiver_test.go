package blackbox_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver is a backend that is told by a webhook. It believes nothing that is not signed, and keeps every event once, in the order in which it came.
type receiver struct {
	// Set by receive, then read-only.
	t      *testing.T
	of     *party
	path   string
	server *httptest.Server

	// Guarded by mu.
	mu       sync.Mutex
	key      []byte           // of the secret
	respond  http.HandlerFunc // in place of 204, for a batch that is not taken; nil for none
	requests int
	seen     map[any]bool
	events   []entry
	news     chan struct{}
}

// receive starts a receiver of a tenant's, with TLS of house where it is wanted.
func receive(t *testing.T, of *party, secure bool) *receiver {
	t.Helper()
	v := &receiver{t: t, of: of, key: make([]byte, 32), path: "/" + secret("hook-"+rand.Text()), seen: make(map[any]bool), news: make(chan struct{}, 1)}
	rand.Read(v.key)
	v.server = httptest.NewUnstartedServer(v)
	v.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	v.server.Config.SetKeepAlivesEnabled(false)
	if secure {
		v.server.TLS = &tls.Config{Certificates: []tls.Certificate{serverPair(t).TLS}}
		v.server.StartTLS()
	} else {
		v.server.Start()
	}
	t.Cleanup(v.server.Close)
	return v
}

// secret is what the secret's file holds.
func (v *receiver) secret() []byte {
	return []byte(secret("whsec_"+base64.StdEncoding.EncodeToString(v.key)) + "\n")
}

// keys are the entry of the tenant's file: these events, and further keys.
func (v *receiver) keys(events string, more ...string) string {
	return fmt.Sprintf("  - { url: %q, events: [%s], secret_file: %s-hook-secret%s }\n", v.server.URL+v.path, events, v.of.id, strings.Join(append([]string{""}, more...), ", "))
}

const everyEvent = "connection.opened, connection.closed, subscription.started, subscription.ended, channel.occupied, channel.vacated, message.published"

func (v *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the gateway hung up
	}
	v.mu.Lock()
	v.requests++
	respond := v.respond
	v.mu.Unlock()
	if respond != nil {
		respond(w, r)
		return
	}
	if problem := v.verify(r, body); problem != "" {
		v.t.Errorf("a request to %s: %s", v.of.id, problem)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var events []entry
	if err := json.Unmarshal(body, &events); err != nil {
		v.t.Errorf("a batch for %s is no JSON: %v", v.of.id, err)
	}
	v.mu.Lock()
	for _, e := range events {
		if !v.seen[e["id"]] {
			v.seen[e["id"]] = true
			v.events = append(v.events, e)
		}
	}
	v.mu.Unlock()
	select {
	case v.news <- struct{}{}:
	default:
	}
	w.WriteHeader(http.StatusNoContent)
}

// verify is what docs/webhooks.md tells a receiver to do.
func (v *receiver) verify(r *http.Request, body []byte) string {
	id, at := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	var sent int64
	if _, err := fmt.Sscan(at, &sent); err != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return "was sent at " + at
	}
	v.mu.Lock()
	key := v.key
	v.mu.Unlock()
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	signed := func(one string) bool { return hmac.Equal([]byte(one), []byte(want)) }
	switch {
	case r.Method != http.MethodPost || r.URL.Path != v.path || r.Header.Get("Content-Type") != "application/cloudevents-batch+json; charset=utf-8":
		return fmt.Sprintf("is %s %s of type %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	case !slices.ContainsFunc(strings.Fields(r.Header.Get("webhook-signature")), signed):
		return "has a wrong signature"
	}
	return ""
}

// answers lets respond answer instead, nil for the usual.
func (v *receiver) answers(respond http.HandlerFunc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.respond = respond
}

func (v *receiver) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.requests
}

// told are the events so far, as their kinds and what they are about, where of is empty or stands among their data.
func (v *receiver) told(of string) (all []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.events {
		data, _ := e["data"].(map[string]any)
		if of == "" || data["connection"] == of {
			all = append(all, strings.TrimPrefix(e["type"].(string), "portcullis.")+" "+fmt.Sprint(e["subject"]))
		}
	}
	return all
}

// until waits for events until enough says so, and returns all.
func (v *receiver) until(enough func([]entry) bool) []entry {
	v.t.Helper()
	late := time.After(patience)
	for {
		v.mu.Lock()
		events := slices.Clone(v.events)
		v.mu.Unlock()
		if enough(events) {
			return events
		}
		select {
		case <-v.news:
		case <-late:
			v.t.Fatalf("%s was told of %d events, the last ones %v", v.of.id, len(events), events[max(0, len(events)-5):])
		}
	}
}

// hears waits for an event of this kind about something.
func (v *receiver) hears(kind, subject string) entry {
	v.t.Helper()
	is := func(e entry) bool { return e["type"] == "portcullis."+kind && e["subject"] == subject }
	events := v.until(func(events []entry) bool { return slices.ContainsFunc(events, is) })
	return events[slices.IndexFunc(events, is)]
}
