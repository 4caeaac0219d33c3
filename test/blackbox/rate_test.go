package blackbox_test

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A client over its rate is told so, with a time to come back, and nothing that it asks for is done; at the tenth refusal it is ended. The other tenant,
// and whoever else is under its own limits, has no part in it.
func TestAFloodOfMessages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, limits string
		request      string
	}{
		{"over the connection's rate", "messages_per_second_per_connection: 20", `{"type":"publish","channel":"room:flood","data":1}`},
		{"over the user's rate", "messages_per_second_per_connection: unlimited\nmessages_per_second_per_user: 20", `{"type":"publish","channel":"room:flood","data":1}`},
		{"over the tenant's rate", "messages_per_second_per_connection: unlimited\nmessages_per_second: 20", `{"type":"publish","channel":"room:flood","data":1}`},
		{"over the connection's bytes", "messages_per_second_per_connection: unlimited\nbytes_per_second_per_connection: 64KiB\nmessage_size: 8KiB",
			`{"type":"publish","channel":"room:flood","data":"` + strings.Repeat("x", 4000) + `"}`},
		{"tiny messages", "messages_per_second_per_connection: 20", `0`},
		{"empty messages", "messages_per_second_per_connection: 20", ``},
		{"many in one frame", "messages_per_second_per_connection: 20", strings.Repeat(`{"type":"publish","channel":"room:flood","data":1}`+"\n", 100)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, options{acme: tenantOptions{limits: tt.limits}, globex: tenantOptions{limits: noRates}})
			other := g.measure(t, globex.token("ana"))
			listener := g.dial(t, acme.token("bob", roles("member")))
			listener.does(`{"type":"subscribe","id":1,"channel":"room:flood"}`)
			closes, limited := g.closes(t, "server", "rate_limited"), g.mark(t, "portcullis_rate_limited_total")
			published := g.mark(t, "portcullis_acl_decisions_total", "action", "publish", "decision", "allow")

			offender := g.dial(t, acme.token("ana", roles("member")))
			var flooding sync.WaitGroup
			var told atomic.Bool
			flooding.Go(func() {
				for f := text(tt.request); !told.Load() && offender.put(f) == nil; {
				}
			})
			refusals, bye := offender.refusals(t)
			told.Store(true)
			flooding.Wait()
			offender.Close()
			if refusals != 10 {
				t.Errorf("it was refused %d times before its end, want 10", refusals)
			}
			if bye.code != 4103 || !strings.HasPrefix(bye.reason, `{"code":"rate_limited","retry_ms":`) {
				t.Errorf("it ended with %v, want 4103 rate_limited with retry_ms", bye)
			}
			closes.moved(t, 1)
			limited.moved(t, 10)
			// What was refused was not done: as many messages arrive as were allowed, and no more.
			allowed := g.metric(t, published.name, published.labels...) - published.before
			for range int(allowed) {
				listener.hear()
			}
			listener.silent(50 * time.Millisecond)
			other.calm(t, 250*time.Millisecond)
		})
	}
}

// refusals counts what a client is refused until its end. Each refusal tells when to come back.
func (l *line) refusals(t *testing.T) (n int, bye closed) {
	t.Helper()
	for {
		f, err := l.message(patience)
		if err != nil {
			bye, ok := err.(closed)
			if !ok {
				t.Fatalf("after %d refusals: %v, want a close", n, err)
			}
			return n, bye
		}
		var e struct {
			Type, Code string
			Retry      float64 `json:"retry_ms"`
		}
		if err := json.Unmarshal(f.payload, &e); err != nil {
			t.Fatal(err)
		}
		if e.Code == "rate_limited" {
			if n++; e.Type != "error" || e.Retry < 1 || e.Retry > 1000 {
				t.Errorf("refusal %d is %s, want an error with retry_ms from 1 to 1000", n, f.payload)
			}
		}
	}
}

// Who waits for retry_ms is served.
func TestARefusedRequestIsServedAfterRetryMS(t *testing.T) {
	g := start(t, options{acme: tenantOptions{limits: "messages_per_second_per_connection: 5"}})
	c := g.dial(t, acme.token("ana"))
	for id := 1; id <= 10; id++ { // the burst
		c.does(`{"type":"ping","id":%d}`, id)
	}
	for id := 11; id < 16; id++ {
		refused := c.mayNot("rate_limited", `{"type":"ping","id":%d}`, id)
		time.Sleep(time.Duration(refused["retry_ms"].(float64)) * time.Millisecond)
		c.does(`{"type":"ping","id":%d}`, id)
	}
}
