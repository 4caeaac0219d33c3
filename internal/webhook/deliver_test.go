package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
	"portcullis/internal/webhook"
	"portcullis/internal/webhook/courier"
)

// nothing is a session's observer that hears nothing.
type nothing struct{ session.Observer }

func (nothing) Opened(string, string, string, *auth.Principal) {}
func (nothing) Closed(*session.Report)                         {}

// One connection's life arrives in its order, in one signed batch, and says who, where and why; nobody's token, address or payload is in it.
func TestALifeIsToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t}
		h := open(t, acme(t, v))
		ana, room := person("acme", "ana"), channel.MustParse("room:1")
		sessions := h.Sessions(nothing{})
		begin := time.Now()
		sessions.Opened("c_1", "192.0.2.1:4711", "portcullis.v1.json", ana)
		h.Occupied(channel.Ref{Tenant: ana.Tenant, Name: room})
		h.Subscribed(ana, "c_1", room)
		h.publish("acme", "room:1", `{"salary":12345}`)
		h.Unsubscribed(ana, "c_1", room, hub.WithConnection)
		h.Vacated(channel.Ref{Tenant: ana.Tenant, Name: room})
		sessions.Closed(&session.Report{Connection: "c_1", Principal: ana, Initiator: session.Client, Reason: session.ClientNormal, Code: 1000, Duration: 3 * time.Second})
		time.Sleep(webhook.Linger)
		synctest.Wait()

		want := []string{"connection.opened c_1", "channel.occupied room:1", "subscription.started room:1", "message.published room:1", "subscription.ended room:1",
			"channel.vacated room:1", "connection.closed c_1"}
		if got := v.told(); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		r := v.requests()[0]
		if len(v.requests()) != 1 || !r.signs(key) || r.signs(other) || r.typ != "application/cloudevents-batch+json; charset=utf-8" || r.at.Sub(begin) != webhook.Linger {
			t.Errorf("got %d requests, signed %v, of type %q, after %v", len(v.requests()), r.signs(key), r.typ, r.at.Sub(begin))
		}
		for i, want := range []string{
			"map[connection:c_1 method:bearer protocol:portcullis.v1.json user:ana]", "map[channel:room:1]", "map[channel:room:1 connection:c_1 user:ana]",
			"map[bytes:16 channel:room:1 from:map[connection:c_ana user:ana]]", "map[channel:room:1 connection:c_1 reason:connection user:ana]", "map[channel:room:1]",
			"map[code:1000 connection:c_1 duration_ms:3000 initiator:client reason:client_normal user:ana]",
		} {
			e := r.events[i]
			if got := fmt.Sprint(e.Data); got != want {
				t.Errorf("%s: got %s, want %s", e.Type, got, want)
			}
			if e.SpecVersion != "1.0" || e.Source != "/nodes/n_1/tenants/acme" || e.Tenant != "acme" || e.Node != "n_1" || e.DataContentType != "application/json" ||
				e.Time != "2000-01-01T00:00:00.000Z" || !strings.HasSuffix(e.ID, fmt.Sprintf("-%d", i)) {
				t.Errorf("%s: got %+v", e.Type, e)
			}
		}
		for _, secret := range []string{"12345", "192.0.2.1"} {
			if strings.Contains(r.body, secret) {
				t.Errorf("%s stands in the batch: %s", secret, r.body)
			}
		}
	})
}

// A receiver that fails gets the same batch again, under the same id, and what happened meanwhile behind it: nothing overtakes.
func TestAReceiverThatFailsTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: func(n int, _ *http.Request) (*http.Response, error) {
			switch n {
			case 0:
				return status(503), nil
			case 1:
				return nil, errors.New("connection refused")
			}
			return status(200), nil
		}}
		h := open(t, acme(t, v))
		h.publish("acme", "room:1", "1")
		time.Sleep(webhook.Linger)
		synctest.Wait()
		h.publish("acme", "room:2", "2")
		time.Sleep(10 * time.Second)
		got := v.requests()
		if len(got) != 4 {
			t.Fatalf("got %d requests, want 4", len(got))
		}
		for i := range 3 {
			if got[i].id != got[0].id || got[i].body != got[0].body || !got[i].signs(key) {
				t.Errorf("try %d: got %s %s, want %s %s", i, got[i].id, got[i].body, got[0].id, got[0].body)
			}
		}
		if got[3].id == got[0].id || got[3].events[0].Subject != "room:2" {
			t.Errorf("got %+v, want room:2 in a batch of its own", got[3])
		}
		if h.counted().requests[courier.Failed] != 1 || h.counted().requests[courier.Unreachable] != 1 || h.counted().requests[courier.Taken] != 2 || h.counted().events != 0 || h.counted().bytes != 0 || h.counted().most != 1 {
			t.Errorf("got %+v", h.counted())
		}
		if log := h.log.String(); strings.Count(log, "webhook.failed") != 1 || strings.Count(log, "webhook.recovered") != 1 || strings.Contains(log, "/hook") {
			t.Errorf("want one line of each, and no path of the address: %s", log)
		}
	})
}

// A receiver that cannot make up its mind fills no log.
func TestAReceiverThatFlutters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: func(n int, _ *http.Request) (*http.Response, error) { return status([]int{500, 200}[n%2]), nil }}
		h := open(t, acme(t, v))
		for range 1000 {
			h.publish("acme", "room:1", "1")
			time.Sleep(webhook.Linger + 10*time.Millisecond)
		}
		time.Sleep(time.Minute)
		if requests, lines := len(v.requests()), strings.Count(h.log.String(), "\n"); requests < 300 || lines > 70 {
			t.Errorf("%d requests made %d lines in a minute, want one a second", requests, lines)
		}
	})
}

// The pauses are random below a bound that doubles up to a minute, so that receivers are not asked by all nodes at once; Retry-After is obeyed.
func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: func(n int, _ *http.Request) (*http.Response, error) {
			switch {
			case n == 12:
				return status(429, "Retry-After", "300"), nil
			case n == 13:
				return status(503, "Retry-After", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat)), nil
			case n == 14:
				return status(503, "Retry-After", "86400"), nil
			}
			return status(500), nil
		}}
		h := open(t, acme(t, v))
		h.publish("acme", "room:1", "1")
		time.Sleep(50 * time.Minute)
		h.stop()
		got := v.requests()
		if len(got) < 18 {
			t.Fatalf("got %d requests", len(got))
		}
		var all time.Duration
		for i := 1; i < 12; i++ {
			pause, bound := got[i].at.Sub(got[i-1].at), min(time.Minute, 500*time.Millisecond<<(i-1))
			if pause >= bound {
				t.Errorf("pause %d is %v, want less than %v", i, pause, bound)
			}
			all += pause
		}
		if all < 20*time.Second { // 4 bounds of a minute alone are 2 minutes on average
			t.Errorf("12 requests took %v", all)
		}
		for n, want := range map[int]time.Duration{12: 5 * time.Minute, 13: 2 * time.Minute, 14: 10 * time.Minute} {
			if pause := got[n+1].at.Sub(got[n].at); pause < want-time.Second || pause > want+time.Minute {
				t.Errorf("after request %d there was a pause of %v, want %v and a part of a minute", n, pause, want)
			}
		}
	})
}

// A receiver that will not have a batch loses it, and is told how much it lost before the next event. It is not asked again for the same.
func TestARefusedBatchIsGivenUpAndTold(t *testing.T) {
	for code, want := range map[int]courier.Result{400: courier.Denied, 401: courier.Denied, 404: courier.Denied, 302: courier.Redirected, 307: courier.Redirected} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &receiver{t: t, reply: codes(code)}
				h := open(t, acme(t, v))
				for range 3 {
					h.publish("acme", "room:1", "1")
				}
				time.Sleep(webhook.Linger)
				synctest.Wait()
				h.publish("acme", "room:2", "2")
				time.Sleep(time.Second)
				if got, want := v.told()[3:], []string{"events.lost", "message.published room:2"}; !slices.Equal(got, want) {
					t.Fatalf("got %q, want %q", got, want)
				}
				if lost := v.requests()[1].events[0].Data; lost["count"] != 3.0 || lost["from"] != "2000-01-01T00:00:00.000Z" {
					t.Errorf("got %v, want 3 lost", lost)
				}
				if h.counted().lost[webhook.Refused] != 3 || h.counted().requests[want] != 1 {
					t.Errorf("got %+v", h.counted())
				}
			})
		})
	}
}

// What was lost is told also when nothing happens any more.
func TestALossIsToldWithoutAnotherEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: codes(400, 400, 500)}
		h := open(t, acme(t, v))
		h.publish("acme", "room:1", "1")
		time.Sleep(time.Minute)
		if got, want := v.told(), []string{"message.published room:1", "events.lost", "events.lost", "events.lost"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, r := range v.requests()[1:] {
			if r.events[0].Data["count"] != 1.0 {
				t.Errorf("got %v, want 1 lost", r.events[0].Data)
			}
		}
		if h.counted().lost[webhook.Refused] != 1 {
			t.Errorf("lost %v", h.counted().lost)
		}
	})
}

func TestABatchIsGivenUpAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		v := &receiver{t: t, reply: func(int, *http.Request) (*http.Response, error) {
			if time.Since(begin) > webhook.KeepFor+5*time.Minute {
				return status(200), nil
			}
			return status(500), nil
		}}
		h := open(t, acme(t, v))
		h.publish("acme", "room:1", "1")
		time.Sleep(10 * time.Minute)
		h.publish("acme", "room:2", "2")
		time.Sleep(webhook.KeepFor)
		if h.counted().lost[webhook.Expired] != 1 || h.counted().events != 0 {
			t.Errorf("got %+v, want one that expired", h.counted())
		}
		told := v.told()
		if got, want := told[len(told)-2:], []string{"events.lost", "message.published room:2"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A receiver that says that it is gone is left alone. The next configuration tries it again, and tells what it missed.
func TestAReceiverThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: codes(410)}
		s := acme(t, v)
		h := open(t, s)
		h.publish("acme", "room:1", "1")
		time.Sleep(time.Minute)
		h.publish("acme", "room:2", "2")
		time.Sleep(time.Hour)
		if got := len(v.requests()); got != 1 || h.counted().lost[webhook.Gone] != 2 || !strings.Contains(h.log.String(), "webhook.gone") {
			t.Fatalf("got %d requests, %v lost, log %s", got, h.counted().lost, h.log)
		}
		h.Set(s)
		time.Sleep(time.Second)
		h.publish("acme", "room:3", "3")
		time.Sleep(time.Second)
		if got, want := v.told()[1:], []string{"events.lost", "message.published room:3"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if r := v.requests()[1]; r.events[0].Data["count"] != 2.0 {
			t.Errorf("got %v, want 2 lost", r.events[0].Data)
		}
	})
}

// A storm goes on while the receiver is down. Memory is bounded, the newest is lost, and the receiver is told, at the place where it is missing: what it took, what is
// lost and what comes then add up.
func TestAStormWhileTheReceiverIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const storm = 3 * webhook.QueueEvents
		begin := time.Now()
		v := &receiver{t: t, reply: func(int, *http.Request) (*http.Response, error) {
			if time.Since(begin) < 10*time.Minute {
				return nil, errors.New("connection refused")
			}
			return status(200), nil
		}}
		h := open(t, acme(t, v))
		for n := range storm {
			h.publish("acme", fmt.Sprintf("room:%d", n), "1")
		}
		time.Sleep(15 * time.Minute)
		h.publish("acme", "room:last", "1")
		time.Sleep(time.Minute)
		if h.counted().largest > webhook.QueueEvents || h.counted().heaviest > webhook.QueueBytes || h.counted().events != 0 || h.counted().bytes != 0 {
			t.Errorf("%d events of %d bytes waited, now %d of %d", h.counted().largest, h.counted().heaviest, h.counted().events, h.counted().bytes)
		}
		next, lost, last, number := 0, 0, "", 0
		for _, r := range v.requests() {
			if r.at.Sub(begin) < 10*time.Minute {
				continue
			}
			if len(r.events) > webhook.BatchEvents+1 {
				t.Errorf("a batch has %d events", len(r.events))
			}
			for _, e := range r.events {
				number, _ = strconv.Atoi(e.ID[strings.LastIndex(e.ID, "-")+1:])
				switch last = e.Subject; {
				case e.Type == "portcullis.events.lost":
					lost += int(e.Data["count"].(float64))
				case e.Subject == fmt.Sprintf("room:%d", next):
					next++
				case e.Subject != "room:last" || next+lost != storm:
					t.Fatalf("got %s behind %d events and %d lost", e.Subject, next, lost)
				}
			}
		}
		if number != storm {
			t.Errorf("the last event has number %d, want %d: the numbers of what is lost are missing", number, storm)
		}
		if next+lost != storm || last != "room:last" || lost == 0 || h.counted().lost[webhook.QueueFull] != lost {
			t.Errorf("got %d events and %d lost, the last one %q, want %d together; counted %v", next, lost, last, storm, h.counted().lost)
		}
		if n := strings.Count(h.log.String(), "webhook.lost"); n == 0 || n > 20 {
			t.Errorf("%d lines tell of the loss", n)
		}
	})
}

// A receiver fails for less than a second. What was lost meanwhile is told to the operator, to the last event, though nothing more happens.
func TestALossThatNothingFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h *house
		v := &receiver{t: t, reply: func(n int, _ *http.Request) (*http.Response, error) {
			switch n {
			case 0:
				return nil, errors.New("connection refused")
			case 2, 3, 4: // two lines about losses were written in this second
				for n := range 2 * webhook.BatchEvents {
					h.publish("acme", fmt.Sprintf("room:%d", n), "1")
				}
			}
			return status(200), nil
		}}
		h = open(t, acme(t, v))
		h.publish("acme", "room:0", "1")
		time.Sleep(100 * time.Millisecond) // it failed, and its line is written
		for n := range webhook.QueueEvents + 100 {
			h.publish("acme", fmt.Sprintf("room:%d", n), "1")
		}
		time.Sleep(10 * time.Second)
		told := 0
		for line := range strings.Lines(h.log.String()) {
			var e struct {
				Event  string
				Events int
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			told += e.Events
		}
		if lost := h.counted().lost[webhook.QueueFull]; told != lost || lost == 0 {
			t.Errorf("the log tells of %d lost events, want %d", told, lost)
		}
	})
}

// Two tenants, and each hears of its own alone. What one receiver does costs the other nothing.
func TestTenantsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: func(_ int, r *http.Request) (*http.Response, error) {
			if r.URL.Host == "acme.example" {
				<-r.Context().Done() // it hangs
				return nil, r.Context().Err()
			}
			return status(200), nil
		}}
		s := settings(t, map[string][]config.Webhook{
			"acme":   {one("https://acme.example/hook", file(t, "secret", secretOf(key)))},
			"globex": {one("https://globex.example/hook", file(t, "secret", secretOf(other)))},
		}).Through(v)
		h := open(t, s)
		for n := range 2 * webhook.QueueEvents {
			h.publish("acme", fmt.Sprintf("room:acme-%d", n), "1")
		}
		h.publish("globex", "room:globex", "1")
		h.publish("nobody", "room:nobody", "1")
		time.Sleep(webhook.Linger)
		synctest.Wait()
		for _, r := range v.requests() {
			of := strings.TrimSuffix(r.host, ".example")
			for _, e := range r.events {
				if e.Tenant != of || !strings.HasPrefix(e.Subject, "room:"+of) {
					t.Fatalf("%s heard of %s of %s", of, e.Subject, e.Tenant)
				}
			}
			if r.signs(key) != (of == "acme") || r.signs(other) != (of == "globex") {
				t.Errorf("the secret of %s does not sign its events, or another does", of)
			}
		}
		if got := len(v.requests()); got != 2 {
			t.Errorf("got %d requests, want one for each tenant, at once", got)
		}
		time.Sleep(6 * time.Second)
		if h.counted().requests[courier.TimedOut] == 0 {
			t.Errorf("got %v, want a request that took too long", h.counted().requests)
		}
	})
}

// While all queues together are full, a tenant that holds little gets its share.
func TestAFullNodeLeavesEachHookItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: codes(500)}
		h := open(t, acme(t, v))
		h.Fill(webhook.StoreBytes)
		for range 1000 {
			h.publish("acme", "room:1", "1")
		}
		if h.counted().bytes > webhook.ShareBytes || h.counted().bytes < webhook.ShareBytes/2 || h.counted().lost[webhook.QueueFull] == 0 {
			t.Errorf("%d bytes wait, %v lost; want the share alone", h.counted().bytes, h.counted().lost)
		}
		h.Fill(-webhook.StoreBytes)
		time.Sleep(time.Minute)
	})
}

// A node that ends waits for what can be delivered, without long pauses, and says what could not be.
func TestAFlushDeliversWhatItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: codes(500, 500, 500, 500, 500, 500, 500, 500)}
		h := open(t, acme(t, v))
		h.publish("acme", "room:1", "1")
		time.Sleep(time.Minute) // the pauses are long by now
		h.publish("acme", "room:2", "2")
		begin := time.Now()
		h.Flush(t.Context())
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if told := v.told(); told[len(told)-1] != "message.published room:2" || h.counted().events != 0 {
			t.Errorf("got %q, and %d wait", told, h.counted().events)
		}
	})
}

func TestWhatCannotBeDeliveredAtTheEndIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t, reply: func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		h := open(t, acme(t, v))
		for range 3 {
			h.publish("acme", "room:1", "1")
		}
		time.Sleep(time.Second) // the batch is under way
		h.publish("acme", "room:1", "1")
		h.stop()
		h.Flush(t.Context()) // and nobody waits for hooks that have ended
		if h.counted().lost[webhook.Shutdown] != 4 || h.counted().events != 0 || h.counted().requests[courier.Cancelled] != 1 || !strings.Contains(h.log.String(), `"events":4`) {
			t.Errorf("got %+v, log %s", h.counted(), h.log)
		}
	})
}

// A configuration that is taken anew adds, changes and removes hooks while they deliver. One that stays keeps what waits.
func TestHooksChangeWhileTheyDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		v := &receiver{t: t, reply: func(int, *http.Request) (*http.Response, error) {
			if down.Load() {
				return status(500), nil
			}
			return status(200), nil
		}}
		hook := one("https://acme.example/a", file(t, "secret", secretOf(key)), "message.published")
		h := open(t, settings(t, map[string][]config.Webhook{"acme": {hook}}).Through(v))
		h.publish("acme", "room:1", "1")
		time.Sleep(time.Second)

		hook.SecretFile, hook.PreviousSecretFile = config.File(file(t, "new", secretOf(other))), hook.SecretFile
		added := one("https://acme.example/b", file(t, "secret", secretOf(key)), "message.published")
		h.Set(settings(t, map[string][]config.Webhook{"acme": {hook, added}}).Through(v))
		down.Store(false)
		h.publish("acme", "room:2", "2")
		time.Sleep(10 * time.Second)
		var got []string
		for _, r := range v.requests() {
			for _, e := range r.events {
				got = append(got, fmt.Sprint(e.Subject, " ", r.signs(key), " ", r.signs(other)))
			}
		}
		slices.Sort(got)
		got = slices.Compact(got)
		if want := []string{"room:1 true false", "room:1 true true", "room:2 true false", "room:2 true true"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q: both secrets sign what waited", got, want)
		}

		down.Store(true)
		h.publish("acme", "room:3", "3")
		time.Sleep(time.Second)
		h.Set(settings(t, nil))
		before := len(v.requests())
		h.publish("acme", "room:4", "4")
		time.Sleep(time.Hour)
		if len(v.requests()) != before || h.counted().lost[webhook.Removed] != 2 || h.counted().events != 0 {
			t.Errorf("a removed hook sent %d requests more, %v lost", len(v.requests())-before, h.counted().lost)
		}
	})
}

func TestChannelsAndPayloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &receiver{t: t}
		hook := one("https://acme.example/hook", file(t, "secret", secretOf(key)), "message.published", "connection.opened", "channel.occupied")
		hook.Channels, hook.Payload = []string{"room:*"}, true
		other := hook
		other.URL, other.Payload, other.Channels = "https://other.example/hook", false, nil
		h := open(t, settings(t, map[string][]config.Webhook{"acme": {hook, other}}).Through(v))
		h.Sessions(nothing{}).Opened("c_1", "", "portcullis.v1.json", person("acme", "ana"))
		h.publish("acme", "room:1", `{ "text": "<hi>" }`)
		h.publish("acme", "ops:1", `1`)
		h.Published(message.Message{
			Channel: channel.Ref{Tenant: tenant.MustParse("acme"), Name: channel.MustParse("room:2")}, Time: time.Now(), Data: []byte{0, 1, 2, 0xff}, Binary: true,
			Position: message.Position{Offset: 7, Epoch: "x7"},
		})
		h.Occupied(channel.Ref{Tenant: tenant.MustParse("acme"), Name: channel.MustParse("ops:1")})
		time.Sleep(time.Second)
		for _, r := range v.requests() {
			want := []string{"c_1 <nil>", "room:1 <nil>", "ops:1 <nil>", "room:2 <nil> 7 x7", "ops:1 <nil>"}
			if r.host == "acme.example" {
				want = []string{"c_1 <nil>", "room:1 map[text:<hi>]", "room:2 AAEC/w== 7 x7"}
			}
			var got []string
			for _, e := range r.events {
				line := fmt.Sprint(e.Subject, " ", e.Data["data"])
				if e.Data["base64"] != nil {
					line = fmt.Sprint(e.Subject, " ", e.Data["base64"])
				}
				if e.Data["offset"] != nil {
					line += fmt.Sprint(" ", e.Data["offset"], " ", e.Data["epoch"])
				}
				got = append(got, line)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", r.host, got, want)
			}
			if strings.Contains(r.body, `{ "text": "<hi>" }`) != (r.host == "acme.example") {
				t.Errorf("%s: the payload is not what was written: %s", r.host, r.body)
			}
		}
		if len(v.requests()) != 2 {
			t.Errorf("got %d requests", len(v.requests()))
		}
	})
}

// Nobody pays for hooks but tenants that have some.
func TestATenantWithoutHooksAllocatesNothing(t *testing.T) {
	h := open(t, acme(t, &receiver{t: t}, "connection.opened"))
	ana, room := person("globex", "ana"), channel.MustParse("room:1")
	sessions := h.Sessions(nothing{})
	for name, f := range map[string]func(){
		"publish":                               func() { h.publish("globex", "room:1", "") },
		"a kind that nobody wants":              func() { h.Vacated(channel.Ref{Tenant: tenant.MustParse("acme"), Name: room}) },
		"subscribe":                             func() { h.Subscribed(ana, "c_1", room) },
		"a connection that is opened":           func() { sessions.Opened("c_1", "", "", ana) },
		"a channel that has its first listener": func() { h.Occupied(channel.Ref{Tenant: ana.Tenant, Name: room}) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
}
