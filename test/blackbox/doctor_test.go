package blackbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// examined is what the doctor says of a gateway.
type examined struct {
	Held               bool
	Seed               uint32
	Tenants, Pairs, Of int
	Rules              int
	Walls              []struct {
		Name, Verdict string
		Tried         int
		Findings      []string
	}
}

func (g *gateway) examine(t *testing.T, body string) (e examined) {
	t.Helper()
	a := g.administer(t, "POST", "/admin/v1/doctor", body)
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.status != http.StatusOK {
		t.Fatalf("got %d %s, %v, want a report", a.status, a.body, err)
	}
	return e
}

// series are the names and labels of a scrape.
func (s scrape) series() (all []string) {
	for line := range strings.Lines(string(s)) {
		if name, _, ok := cutLast(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// The doctor finds the walls of a running gateway sound, and nobody who is connected notices that it came.
func TestTheDoctorComesWhileClientsTalk(t *testing.T) {
	g := plain(t)
	ours, theirs := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, globex.token("ana", roles("member")))
	for _, c := range []*conn{ours, theirs} {
		c.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	}
	subscriptions, channels := g.metric(t, "portcullis_subscriptions"), g.metric(t, "portcullis_channels")
	connections, series := g.metric(t, "portcullis_connections"), g.scrape(t).series()
	e := g.examine(t, `{"seed":7}`)
	if !e.Held || e.Seed != 7 || e.Tenants < 2 || e.Pairs != e.Of || e.Rules < 1 || len(e.Walls) < 17 {
		t.Errorf("got %+v, want all walls held, and pairs that met by their own rules", e)
	}
	for _, w := range e.Walls {
		if w.Tried == 0 {
			t.Errorf("%s was not tried", w.Name)
		}
	}
	for _, c := range []*conn{ours, theirs} {
		c.does(`{"type":"ping","id":999}`)
		c.silent(0)
	}
	if s, c := g.metric(t, "portcullis_subscriptions"), g.metric(t, "portcullis_channels"); s != subscriptions || c != channels {
		t.Errorf("there are %v subscriptions on %v channels, %v on %v before", s, c, subscriptions, channels)
	}
	if n := g.metric(t, "portcullis_connections"); n != connections {
		t.Errorf("there are %v connections, %v before", n, connections)
	}
	if now := g.scrape(t).series(); !slices.Equal(now, series) {
		t.Errorf("the doctor left series behind: %d, and %d before", len(now), len(series))
	}
	for _, p := range []string{"acme", "globex"} {
		if a := g.administer(t, "GET", "/admin/v1/tenants/"+p+"/revocations", ""); strings.Contains(a.body, "doctor") {
			t.Errorf("%s: %s", p, a.body)
		}
	}
}

// Whoever may ask for a run may make the node work for it: once at a time, and with nothing in the request but a seed.
func TestAskingForTheDoctor(t *testing.T) {
	g := plain(t)
	for _, body := range []string{`{"seed":-1}`, `{"seed":4294967296}`, `{"seed":"7"}`, `{"tenant":"acme"}`, `{"seed":7} {}`, `{"seed":7}}`, `{"seed":7}]`, `}`, `[]`, `7`, `{`} {
		a := g.administer(t, "POST", "/admin/v1/doctor", body)
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("%s: got %d %s, %v", body, a.status, a.body, err)
		}
	}
	if a := g.administer(t, "POST", "/admin/v1/doctor", `{"seed":`+strings.Repeat(" ", 17<<10)+`7}`); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: got %d %s", a.status, a.body)
	}
	if a := g.administer(t, "GET", "/admin/v1/doctor", ""); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %d %s", a.status, a.body)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	answers := make(map[int]int)
	for range 6 {
		all.Go(func() {
			a := g.administer(t, "POST", "/admin/v1/doctor", "")
			mu.Lock()
			defer mu.Unlock()
			answers[a.status]++
			if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		})
	}
	all.Wait()
	if answers[http.StatusOK] == 0 || answers[http.StatusOK]+answers[http.StatusTooManyRequests] != 6 {
		t.Errorf("got %v, want runs one at a time", answers)
	}
}
