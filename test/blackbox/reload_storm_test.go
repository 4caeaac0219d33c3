package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// reloaded is the answer to a request for a reload.
type reloaded struct {
	Applied  bool
	Report   *struct{ Tenants int }
	Problems []struct{ File, Path, Message string }
}

// askReload asks the administrators' listener for a reload. It may be used outside the test's goroutine.
func (g *gateway) askReload() (r reloaded, err error) {
	a, err := client.Post("http://"+g.admin+"/admin/v1/reload", "application/json", nil)
	if err != nil {
		return r, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return r, fmt.Errorf("got %s, want 200", a.Status)
	}
	return r, json.NewDecoder(a.Body).Decode(&r)
}

// reloadNow takes the configuration anew, which must be possible.
func (g *gateway) reloadNow(t *testing.T) {
	t.Helper()
	if r, err := g.askReload(); err != nil || !r.Applied {
		t.Fatalf("got %+v, %v; want it applied", r, err)
	}
}

// span is a time in which something was asked and answered, or changed.
type span struct{ from, to time.Time }

// eras are the configurations that counted, one after the other: 0, 1, 0, 1. While one takes over from the other either may count.
type eras []span

// may reports whether a configuration of this kind could have counted at some moment of a span.
func (e eras) may(kind int, s span) bool {
	for i, began := range e {
		until := s.to
		if i+1 < len(e) {
			until = e[i+1].to
		}
		if i%2 == kind && !began.from.After(s.to) && !until.Before(s.from) {
			return true
		}
	}
	return false
}

// finding is what somebody was told, and the kinds of configuration that say so.
type finding struct {
	span
	what  string
	kinds [2]bool
}

// storming is a client that comes again and again, and notes what it is told.
func (g *gateway) storming(over <-chan struct{}, always, sometimes string) (found []finding, err error) {
	for {
		select {
		case <-over:
			return found, nil
		default:
		}
		more, err := g.storm(always, sometimes)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
}

// storm connects with a token that counts always, subscribes to a channel of each kind of configuration, and then tries a token that counts with the first kind alone.
func (g *gateway) storm(always, sometimes string) (found []finding, err error) {
	var s span
	timed := func(f func() error) error {
		s.from = time.Now()
		err := f()
		s.to = time.Now()
		return err
	}
	l, err := g.open()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	a, err := l.request(g.upgrade(bearer(always)))
	if err != nil || a.status != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("a handshake that should succeed: %+v, %w", a, err)
	}
	for kind, channel := range []string{"era:0", "era:1"} {
		var said string
		err := timed(func() error {
			said, err = l.answered(fmt.Sprintf(`{"type":"subscribe","id":%d,"channel":%q}`, kind+1, channel), fmt.Sprintf(`"id":%d,`, kind+1))
			return err
		})
		if err != nil {
			return nil, err
		}
		allowed := strings.HasPrefix(said, `{"type":"ok"`)
		if !allowed && !strings.Contains(said, `"forbidden"`) {
			return nil, fmt.Errorf("subscribe to %s: got %s", channel, said)
		}
		found = append(found, finding{s, channel + ": " + said, [2]bool{allowed == (kind == 0), allowed == (kind == 1)}})
	}
	other, err := g.open()
	if err != nil {
		return nil, err
	}
	defer other.Close()
	if err := timed(func() error { a, err = other.request(g.upgrade(bearer(sometimes))); return err }); err != nil {
		return nil, err
	}
	if a.status != http.StatusSwitchingProtocols && a.status != http.StatusUnauthorized {
		return nil, fmt.Errorf("a tenant that comes and goes: got %d %s", a.status, a.body)
	}
	let := a.status == http.StatusSwitchingProtocols
	return append(found, finding{s, fmt.Sprint("globex: ", a.status), [2]bool{let, !let}}), nil
}

// answered sends a request and returns its answer, which has a text in it.
func (l *line) answered(request, has string) (string, error) {
	if err := l.put(text(request)); err != nil {
		return "", err
	}
	for {
		f, err := l.message(patience)
		if err != nil || strings.Contains(string(f.payload), has) {
			return string(f.payload), err
		}
	}
}

// Clients come without a pause while the configuration is taken anew two dozen times: each time a rule is another one, and a tenant goes or comes back. Nobody who should get in fails, nobody who should not does,
// every answer is that of the configuration before or of the one after, and what the next one forbids is over within a second.
func TestHandshakesWhileTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	const free = "connections_per_second: unlimited"
	kinds := [2]string{}
	for kind := range kinds {
		kinds[kind] = acme.file(tenantOptions{limits: free, rules: fmt.Sprintf("- { name: era, allow: [subscribe], channels: [\"era:%d\"] }", kind)})
	}
	theirs := globex.file(tenantOptions{limits: free})
	g := start(t, options{globex: tenantOptions{limits: free}, files: map[string][]byte{"acme.yaml": []byte(kinds[0])}})
	known := eras{{time.Now(), time.Now()}}
	always, sometimes := acme.token("ana", roles("member")), globex.token("ana", roles("member"))

	over := make(chan struct{})
	var all sync.WaitGroup
	found, faults := make([][]finding, 3), make([]error, 3)
	for i := range found {
		all.Go(func() { found[i], faults[i] = g.storming(over, always, sometimes) })
	}
	for i := range 24 {
		kind := (i + 1) % 2
		loses := g.dial(t, always)
		loses.does(`{"type":"subscribe","id":1,"channel":"era:%d"}`, 1-kind)
		var gone *conn
		if kind == 1 {
			gone = g.dial(t, sometimes)
			g.remove(t, "tenants/globex.yaml")
		} else {
			g.put(t, "tenants/globex.yaml", theirs)
		}
		g.put(t, "tenants/acme.yaml", kinds[kind])
		from := time.Now()
		g.reloadNow(t)
		known = append(known, span{from, time.Now()})
		if got := loses.hear(); got["type"] != "unsubscribed" {
			t.Fatalf("got %v, want to lose the channel", got)
		}
		if gone != nil {
			if code, reason := gone.ended(); code != 4501 {
				t.Fatalf("got %d %s, want 4501", code, reason)
			}
		}
		if took := time.Since(from); took > withinASecond {
			t.Errorf("what is forbidden was over after %v, want within a second", took)
		}
		loses.Close()
	}
	close(over)
	all.Wait()
	n := 0
	for i := range found {
		if faults[i] != nil {
			t.Errorf("%.2000v", faults[i])
		}
		for _, f := range found[i] {
			n++
			if !(f.kinds[0] && known.may(0, f.span)) && !(f.kinds[1] && known.may(1, f.span)) {
				t.Errorf("told %s, which no configuration said that counted between %v and %v", f.what, f.from, f.to)
			}
		}
	}
	t.Logf("%d answers over %d configurations", n, len(known))
	if n < 100 {
		t.Errorf("got %d answers: too few to prove anything", n)
	}
}

// A hundred people and a hundred signals ask at once, while an identity service keeps the first reload waiting. All get the answer of a reload that began after they asked, few reloads run, and
// nothing stays behind: that the gateway's goroutines go back is looked at where it ends.
func TestAHundredRequestsForAReload(t *testing.T) {
	t.Parallel()
	s := publish(t, "slow|")
	s.answers(hang)
	g := start(t, options{})
	before := g.mark(t, "portcullis_config_reloads_total")
	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{issuers: s.entry(s.URL + "/keys")}))
	var first sync.WaitGroup
	first.Go(func() { _, _ = g.askReload() })
	for end := time.Now().Add(patience); s.asked.Load() == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	g.put(t, "tenants/globex.yaml", "no tenant")
	burst := func(want func(reloaded) bool) {
		t.Helper()
		for range 100 {
			g.signal(t, syscall.SIGHUP)
		}
		var wrong atomic.Int64
		if err := parallel(100, 100, func(int) error {
			r, err := g.askReload()
			if err == nil && !want(r) {
				wrong.Add(1)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		if n := wrong.Load(); n > 0 {
			t.Errorf("%d of a hundred were told something else than what is in the files", n)
		}
	}
	burst(func(r reloaded) bool { return !r.Applied && r.Report == nil && len(r.Problems) > 0 })
	first.Wait()
	g.put(t, "tenants/globex.yaml", globex.file(tenantOptions{}))
	burst(func(r reloaded) bool { return r.Applied && r.Report.Tenants == 2 })
	after := g.metric(t, "portcullis_config_reloads_total")
	t.Logf("%v reloads for 401 requests", after-before.before)
	if n := after - before.before; n > 150 {
		t.Errorf("%v reloads ran for 401 requests, want most to share one", n)
	}
	g.dial(t, globex.token("ana")).lives(t)
}
