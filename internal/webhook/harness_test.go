package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
	"portcullis/internal/webhook"
	"portcullis/internal/webhook/courier"
)

// The key of acme's secret, and of another one.
var (
	key   = bytes.Repeat([]byte{7}, 32)
	other = bytes.Repeat([]byte{9}, 32)
)

func secretOf(key []byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(key) }

// received is one request.
type received struct {
	at        time.Time
	host      string
	id        string
	timestamp string
	signature string
	typ       string
	body      string
	events    []entry
}

// entry is one CloudEvent.
type entry struct {
	ID, SpecVersion, Source, Type, Subject, Time, Tenant, Node string
	DataContentType                                            string
	Data                                                       map[string]any
}

// receiver answers requests, in memory, as reply says; without one with 204.
type receiver struct {
	t     testing.TB
	reply func(n int, r *http.Request) (*http.Response, error) // n counts requests from 0

	mu  sync.Mutex
	got []received
}

func (v *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	g := received{time.Now(), r.URL.Host, r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), r.Header.Get("Webhook-Signature"), r.Header.Get("Content-Type"), string(body), nil}
	if err := json.Unmarshal(body, &g.events); err != nil {
		v.t.Errorf("a batch is no JSON: %v: %.300s", err, body)
	}
	v.mu.Lock()
	n := len(v.got)
	v.got = append(v.got, g)
	v.mu.Unlock()
	if v.reply == nil {
		return status(http.StatusNoContent), nil
	}
	return v.reply(n, r)
}

func (v *receiver) requests() []received {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]received(nil), v.got...)
}

// told are the events of all requests, each as its kind and its subject.
func (v *receiver) told() (all []string) {
	for _, r := range v.requests() {
		for _, e := range r.events {
			all = append(all, strings.TrimSpace(strings.TrimPrefix(e.Type, "portcullis.")+" "+e.Subject))
		}
	}
	return all
}

func status(code int, headers ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: http.NoBody}
}

// codes answers with these, one after the other, and then with 204.
func codes(all ...int) func(int, *http.Request) (*http.Response, error) {
	return func(n int, _ *http.Request) (*http.Response, error) {
		if n < len(all) {
			return status(all[n]), nil
		}
		return status(http.StatusNoContent), nil
	}
}

// signs reports whether a request has a signature of key, as a receiver would find out.
func (r received) signs(key []byte) bool {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", r.id, r.timestamp, r.body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for one := range strings.FieldsSeq(r.signature) {
		if hmac.Equal([]byte(one), []byte(want)) {
			return true
		}
	}
	return false
}

// tally counts what hooks do.
type tally struct {
	mu sync.Mutex
	numbers
}

type numbers struct {
	happened       map[webhook.Kind]int
	lost           map[webhook.Loss]int
	requests       map[courier.Result]int
	underWay, most int
	events, bytes  int
	largest        int // of events
	heaviest       int // of bytes
}

func (c *tally) Happened(k webhook.Kind) { c.do(func() { c.happened[k]++ }) }

func (c *tally) Lost(why webhook.Loss, n int)                { c.do(func() { c.lost[why] += n }) }
func (c *tally) Requested(r courier.Result, _ time.Duration) { c.do(func() { c.requests[r]++ }) }

func (c *tally) UnderWay(n int) {
	c.do(func() { c.underWay += n; c.most = max(c.most, c.underWay) })
}

func (c *tally) Waiting(events, bytes int) {
	c.do(func() {
		c.events += events
		c.bytes += bytes
		c.largest, c.heaviest = max(c.largest, c.events), max(c.heaviest, c.bytes)
	})
}

func (c *tally) do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// counted is what was counted once everybody waits for something.
func (h *house) counted() numbers {
	synctest.Wait()
	h.tally.mu.Lock()
	defer h.tally.mu.Unlock()
	n := h.tally.numbers
	n.happened, n.lost, n.requests = maps.Clone(n.happened), maps.Clone(n.lost), maps.Clone(n.requests)
	return n
}

// house is hooks that run.
type house struct {
	*webhook.Hooks
	t     testing.TB
	tally *tally
	log   *lockedBuffer
	stop  func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// open runs the hooks of these settings until the test, or stop, ends them.
func open(t testing.TB, s *webhook.Settings) *house {
	h := &house{t: t, log: new(lockedBuffer), tally: &tally{numbers: numbers{happened: make(map[webhook.Kind]int), lost: make(map[webhook.Loss]int), requests: make(map[courier.Result]int)}}}
	h.Hooks = webhook.New(webhook.Config{Node: "n_1", Observer: h.tally, Log: slog.New(slog.NewJSONHandler(h.log, nil))})
	h.Set(s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	h.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(h.stop)
	return h
}

// all is the list of every event.
var all = []string{"connection.opened", "connection.closed", "subscription.started", "subscription.ended", "channel.occupied", "channel.vacated", "message.published"}

// one is a webhook of these events.
func one(url, secret string, events ...string) config.Webhook {
	if len(events) == 0 {
		events = all
	}
	return config.Webhook{URL: url, Events: events, SecretFile: config.File(secret), Timeout: config.Duration(5 * time.Second)}
}

// file writes a file of the test's and returns its path.
func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// settings reads hooks of tenants; they must be sound.
func settings(t testing.TB, tenants map[string][]config.Webhook) *webhook.Settings {
	t.Helper()
	c := new(config.Config)
	for id, hooks := range tenants {
		c.Tenants = append(c.Tenants, config.Tenant{ID: id, Webhooks: hooks})
	}
	s, problems := webhook.Read(c)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return s
}

// acme has one hook, which goes through v.
func acme(t testing.TB, v http.RoundTripper, events ...string) *webhook.Settings {
	return settings(t, map[string][]config.Webhook{"acme": {one("https://acme.example/hook", file(t, "secret", secretOf(key)), events...)}}).Through(v)
}

// publish tells of a message on a channel of a tenant's.
func (h *house) publish(of, name, data string) {
	h.Published(message.Message{
		Channel: channel.Ref{Tenant: tenant.MustParse(of), Name: channel.MustParse(name)},
		From:    message.Sender{User: "ana", Connection: "c_ana"}, Time: time.Now(), Data: []byte(data),
	})
}

func person(of, user string) *auth.Principal {
	return &auth.Principal{Tenant: tenant.MustParse(of), User: user, Method: auth.Bearer}
}
