package blackbox_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// hooked starts a gateway on which acme has a webhook.
func hooked(t *testing.T, v *receiver, events string, more ...string) *gateway {
	t.Helper()
	return start(t, options{
		acme:  tenantOptions{more: "webhooks:\n" + v.keys(events, more...), limits: "messages_per_second_per_connection: unlimited"},
		files: map[string][]byte{"acme-hook-secret": v.secret(), "house-ca.pem": house.PEM()},
	})
}

// requested waits until a request ended so.
func (g *gateway) requested(t *testing.T, result string) {
	t.Helper()
	for end := time.Now().Add(patience); g.metric(t, "portcullis_webhook_requests_total", "result", result) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no request ended as %s", result)
		}
	}
}

// Two tenants with a receiver each, over TLS of a private authority. What their users do arrives once, in the order of each connection, and each hears of its own alone.
func TestEachTenantsBackendIsTold(t *testing.T) {
	t.Parallel()
	ours, theirs := receive(t, acme, true), receive(t, globex, true)
	const ca = "authorities_file: house-ca.pem"
	g := start(t, options{
		acme:   tenantOptions{more: "webhooks:\n" + ours.keys(everyEvent, ca)},
		globex: tenantOptions{more: "webhooks:\n" + theirs.keys(everyEvent, ca)},
		files:  map[string][]byte{"acme-hook-secret": ours.secret(), "globex-hook-secret": theirs.secret(), "house-ca.pem": house.PEM()},
	})
	for _, tenant := range []struct {
		*party
		v *receiver
	}{{acme, ours}, {globex, theirs}} {
		for _, user := range []string{"ana", "bob"} {
			c := g.dial(t, tenant.token(user, roles("member")))
			id, room := c.welcome["connection"].(string), "room:"+tenant.id+user
			c.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
			c.does(`{"type":"publish","id":2,"channel":%q,"data":%q}`, room, secret("a payload of "+room))
			c.does(`{"type":"unsubscribe","id":3,"channel":%q}`, room)
			c.does(`{"type":"subscribe","id":4,"channel":%q}`, room)
			c.put(frame{fin: true, opcode: opClose, payload: []byte("\x03\xe8")})
			closed := tenant.v.hears("connection.closed", id)["data"].(map[string]any)
			if closed["user"] != user || closed["initiator"] != "client" || closed["reason"] != "client_normal" || closed["code"] != 1000.0 {
				t.Errorf("got %v", closed)
			}
			want := []string{"connection.opened " + id, "subscription.started " + room, "subscription.ended " + room, "subscription.started " + room, "subscription.ended " + room,
				"connection.closed " + id}
			if got := tenant.v.told(id); !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", user, got, want)
			}
			published := tenant.v.hears("message.published", room)
			if data := published["data"].(map[string]any); data["data"] != nil || fmt.Sprint(data["from"]) != fmt.Sprintf("map[connection:%s user:%s]", id, user) {
				t.Errorf("got %v, want who published, and not what", data)
			}
			var about []string
			for _, line := range tenant.v.told("") {
				if strings.HasPrefix(line, "channel.") && strings.HasSuffix(line, room) {
					about = append(about, line)
				}
			}
			if want := []string{"channel.occupied " + room, "channel.vacated " + room, "channel.occupied " + room, "channel.vacated " + room}; !slices.Equal(about, want) {
				t.Errorf("got %q, want %q", about, want)
			}
		}
		tenant.v.until(func(events []entry) bool {
			for _, e := range events {
				if e["tenant"] != tenant.id || strings.HasPrefix(fmt.Sprint(e["subject"]), "room:") && !strings.HasPrefix(fmt.Sprint(e["subject"]), "room:"+tenant.id) {
					t.Errorf("%s was told of %v", tenant.id, e)
				}
			}
			return true
		})
	}
	g.until(t, 4, "portcullis_webhook_events_total", "event", "connection.closed")
	g.until(t, 0, "portcullis_webhook_queue_events")
	if got := g.metric(t, "portcullis_webhook_events_lost_total"); got != 0 {
		t.Errorf("%v events are lost", got)
	}
}

// A channel that keeps history tells where in it a message stands, and what it is where that is wanted: JSON as it was written, or bytes. A publication that is repeated is told once.
func TestWhatWasPublishedIsTold(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := start(t, options{
		acme:  tenantOptions{more: "channels: [{ match: \"room:**\", history: { messages: 10, ttl: 1m } }]\nwebhooks:\n" + v.keys("message.published", "payload: true", `channels: ["room:*"]`)},
		files: map[string][]byte{"acme-hook-secret": v.secret()},
	})
	c := g.dial(t, acme.token("ana", roles("member")))
	first := c.does(`{"type":"publish","id":1,"channel":"room:1","data":{"text":"<hi>"},"idempotency_key":"k1"}`)
	c.does(`{"type":"publish","id":2,"channel":"room:1","data":{"text":"<hi>"},"idempotency_key":"k1"}`)
	c.does(`{"type":"publish","id":3,"channel":"room:sub:1","data":1}`)
	second := c.does(`{"type":"publish","id":4,"channel":"room:1","base64":"AAEC/w=="}`)
	events := v.until(func(events []entry) bool { return len(events) >= 2 })
	for i, want := range []entry{
		{"channel": "room:1", "offset": first["offset"], "epoch": first["epoch"], "bytes": 15, "data": map[string]any{"text": "<hi>"}, "base64": nil},
		{"channel": "room:1", "offset": second["offset"], "epoch": second["epoch"], "bytes": 4, "data": nil, "base64": "AAEC/w=="},
	} {
		if got := entry(events[i]["data"].(map[string]any)); !got.has(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if len(events) != 2 {
		t.Errorf("got %v, want two events", events)
	}
}

// The doctor's users do not exist, and no backend hears of them.
func TestTheDoctorIsNotTold(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := hooked(t, v, everyEvent)
	g.examine(t, "")
	g.dial(t, acme.token("ana", roles("member"))).does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	v.hears("subscription.started", "room:1")
	for _, line := range v.told("") {
		if strings.Contains(line, "doctor") {
			t.Errorf("the backend was told: %s", line)
		}
	}
}

// A receiver fails twice, then takes too long, then its certificate is not believed any more. Nothing is lost, doubled or out of order.
func TestAReceiverInTrouble(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := hooked(t, v, "message.published", "timeout: 100ms")
	c := g.dial(t, acme.token("ana", roles("member")))
	v.answers(func(w http.ResponseWriter, r *http.Request) {
		switch v.asked() {
		case 1, 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			<-r.Context().Done() // it hangs
		}
	})
	const messages = 50
	for n := range messages {
		c.does(`{"type":"publish","id":%d,"channel":"room:%d","data":1}`, n+1, n)
	}
	g.until(t, 2, "portcullis_webhook_requests_total", "result", "failed")
	g.requested(t, "timeout")
	v.answers(nil)
	v.hears("message.published", fmt.Sprintf("room:%d", messages-1))
	for n, line := range v.told("") {
		if line != fmt.Sprintf("message.published room:%d", n) {
			t.Fatalf("got %s at place %d", line, n)
		}
	}
	g.logged(t, entry{"event": "webhook.failed", "level": "WARN", "tenant": "acme", "webhook": "webhooks[0]", "result": "failed", "detail": "503"})
	g.logged(t, entry{"event": "webhook.recovered", "tenant": "acme"})
}

// The receiver is down while a storm goes on. The gateway's memory stays bounded, and the receiver learns how many events it will never see.
func TestAStormForAReceiverThatIsDown(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	v.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	g := hooked(t, v, "message.published")
	c := g.dial(t, acme.token("ana", roles("member")))
	held := g.watchMemory(t)
	const storm, each = 15_000, 50
	for n := 0; n < storm; n += each {
		var lines []string
		for i := range each {
			lines = append(lines, fmt.Sprintf(`{"type":"publish","channel":"room:%d","data":1}`, n+i))
		}
		c.say("%s", strings.Join(lines, "\n"))
	}
	c.does(`{"type":"ping","id":1}`)
	g.until(t, storm, "portcullis_webhook_events_total", "event", "message.published")
	held.stayed(t, 48<<20)
	lost := g.metric(t, "portcullis_webhook_events_lost_total", "reason", "queue_full")
	if waits := g.metric(t, "portcullis_webhook_queue_events"); waits > 10_000 || waits+lost != storm {
		t.Errorf("%v events wait and %v are lost, want %d together and at most 10,000 that wait", waits, lost, storm)
	}
	v.answers(nil)
	is := func(e entry) bool { return e["type"] == "portcullis.events.lost" }
	events := v.until(func(events []entry) bool { return slices.ContainsFunc(events, is) })
	at := slices.IndexFunc(events, is)
	if count := events[at]["data"].(map[string]any)["count"]; count != lost || float64(at)+lost != storm {
		t.Errorf("%v are told to be lost behind %d events, want %v", count, at, lost)
	}
	g.logged(t, entry{"event": "webhook.lost", "tenant": "acme", "level": "WARN"})
}

// A webhook is added and removed while the gateway runs.
func TestAWebhookComesAndGoesLive(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := start(t, options{files: map[string][]byte{"acme-hook-secret": v.secret()}})
	early := g.dial(t, acme.token("ana"))
	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{more: "webhooks:\n" + v.keys("connection.opened, connection.closed")}))
	g.reload(t, "applied")
	c := g.dial(t, acme.token("ana"))
	v.hears("connection.opened", c.welcome["connection"].(string))
	early.put(frame{fin: true, opcode: opClose, payload: []byte("\x03\xe8")})
	v.hears("connection.closed", early.welcome["connection"].(string))

	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{more: "webhooks:\n" + strings.Replace(v.keys("connection.opened"), "acme-hook-secret", "nowhere", 1)}))
	g.reload(t, "refused")
	c = g.dial(t, acme.token("ana"))
	v.hears("connection.opened", c.welcome["connection"].(string))

	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{}))
	g.reload(t, "applied")
	asked, told := v.asked(), g.metric(t, "portcullis_webhook_events_total")
	c.put(frame{fin: true, opcode: opClose, payload: []byte("\x03\xe8")})
	g.logged(t, entry{"event": "connection.closed", "connection": c.welcome["connection"]})
	if v.asked() != asked || g.metric(t, "portcullis_webhook_events_total") != told || g.metric(t, "portcullis_webhook_queue_events") != 0 {
		t.Error("a webhook that was removed is told of something")
	}
}

// The content of a secret's file changes, and nothing else. The gateway notices, and the receiver, which knows the new secret alone, believes what comes.
func TestASecretChangesByItself(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := start(t, options{
		watch: true, acme: tenantOptions{more: "webhooks:\n" + v.keys("connection.opened")}, files: map[string][]byte{"acme-hook-secret": v.secret()},
	})
	v.mu.Lock()
	v.key = append([]byte(nil), v.key...)
	v.key[0]++
	v.mu.Unlock()
	taken := g.mark(t, "portcullis_config_reloads_total", "result", "applied")
	g.put(t, "tenants/acme-hook-secret", string(v.secret()))
	taken.moved(t, 1)
	c := g.dial(t, acme.token("ana"))
	v.hears("connection.opened", c.welcome["connection"].(string))
}

// A deploy ends the gateway. Every connection's end is told before the process is gone.
func TestTheLastGoodbyesAreTold(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := hooked(t, v, "connection.opened, connection.closed")
	const clients = 20
	for range clients {
		c := g.dial(t, acme.token("ana"))
		go func() { // answers the goodbye; ends with the connection
			for _, err := c.message(patience); err == nil; _, err = c.message(patience) {
			}
			c.put(frame{fin: true, opcode: opClose, payload: []byte("\x0f\xa0")})
		}()
	}
	v.until(func(events []entry) bool { return len(events) == clients })
	v.answers(func(w http.ResponseWriter, _ *http.Request) { // the first answer of the end is late and bad
		v.answers(nil)
		time.Sleep(300 * time.Millisecond)
		w.WriteHeader(http.StatusInternalServerError)
	})
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	g.signal(t, syscall.SIGTERM)
	if code := g.wait(t, patience); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	closed := 0
	for _, line := range v.told("") {
		if strings.HasPrefix(line, "connection.closed") {
			closed++
		}
	}
	if closed != clients {
		t.Errorf("the backend was told of %d ends, want %d", closed, clients)
	}
}

// What the process could not deliver before its end it says.
func TestAnEndWithAReceiverThatIsDown(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := hooked(t, v, "connection.closed")
	v.server.Close()
	c := g.dial(t, acme.token("ana"))
	c.put(frame{fin: true, opcode: opClose, payload: []byte("\x03\xe8")})
	g.until(t, 1, "portcullis_webhook_queue_events")
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	begin := time.Now()
	g.signal(t, syscall.SIGINT)
	if code := g.wait(t, patience); code != 0 || time.Since(begin) > 5*time.Second {
		t.Errorf("it ended with %d after %v", code, time.Since(begin))
	}
	g.logged(t, entry{"event": "webhook.lost", "reason": "shutdown", "events": 1, "tenant": "acme"})
}

// A receiver sends the gateway on to an address that only the gateway can reach. Nobody is asked there, and the batch is given up.
func TestARedirectToAnInternalAddress(t *testing.T) {
	t.Parallel()
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	var visits atomic.Int32
	go func() { // ends with the canary
		for {
			conn, err := canary.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			conn.Close()
		}
	}()
	v := receive(t, acme, false)
	v.answers(func(w http.ResponseWriter, r *http.Request) {
		codes := []int{301, 302, 303, 307, 308}
		http.Redirect(w, r, "http://"+canary.Addr().String()+"/latest/meta-data/", codes[v.asked()%len(codes)])
	})
	g := hooked(t, v, "connection.opened")
	g.dial(t, acme.token("ana"))
	g.until(t, 1, "portcullis_webhook_events_lost_total", "reason", "refused")
	if n := g.metric(t, "portcullis_webhook_requests_total", "result", "redirected"); n < 1 || visits.Load() != 0 {
		t.Errorf("%v requests were redirected, and the internal address was asked %d times", n, visits.Load())
	}
	v.answers(nil)
	v.until(func(events []entry) bool { return len(events) == 1 && events[0]["type"] == "portcullis.events.lost" })
}

// A receiver answers with a body that never ends, or byte by byte, or with headers without end. It costs the gateway no memory, and its own next batch a moment.
func TestAnAnswerWithoutEnd(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	tests := []struct {
		name, result string
		respond      func(w io.Writer) error
	}{
		{"a huge body", "ok", func(w io.Writer) error {
			if _, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000000000\r\n\r\n"); err != nil {
				return err
			}
			block := make([]byte, 64<<10)
			for {
				n, err := w.Write(block)
				sent.Add(int64(n))
				if err != nil {
					return err
				}
			}
		}},
		{"a slow body", "ok", func(w io.Writer) error {
			_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
			for err == nil {
				time.Sleep(20 * time.Millisecond)
				_, err = io.WriteString(w, "x")
			}
			return err
		}},
		{"slow headers", "timeout", func(w io.Writer) error {
			_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nX: ")
			for err == nil {
				time.Sleep(20 * time.Millisecond)
				_, err = io.WriteString(w, "x")
			}
			return err
		}},
		{"headers without end", "unreachable", func(w io.Writer) error {
			_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\n")
			for i := 0; err == nil; i++ {
				_, err = fmt.Fprintf(w, "X-%d: %s\r\n", i, strings.Repeat("x", 1000))
			}
			return err
		}},
		{"interim answers without end", "unreachable", func(w io.Writer) (err error) {
			for err == nil {
				_, err = io.WriteString(w, "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n")
			}
			return err
		}},
		{"interim answers, now and then", "timeout", func(w io.Writer) (err error) {
			for err == nil {
				time.Sleep(20 * time.Millisecond)
				_, err = io.WriteString(w, "HTTP/1.1 102 Processing\r\n\r\n")
			}
			return err
		}},
		{"another protocol", "failed", func(w io.Writer) error {
			_, err := io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: flood\r\n\r\n")
			for block := make([]byte, 64<<10); err == nil; {
				var n int
				n, err = w.Write(block)
				sent.Add(int64(n))
			}
			return err
		}},
		{"a bomb of gzip", "ok", func(w io.Writer) error {
			_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
			if err != nil {
				return err
			}
			bomb := gzip.NewWriter(w)
			for block := make([]byte, 1<<20); err == nil; {
				_, err = bomb.Write(block)
			}
			return err
		}},
		{"chunks with long extensions", "ok", func(w io.Writer) error {
			_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for err == nil {
				_, err = io.WriteString(w, "1;"+strings.Repeat("x", 2000)+"\r\nx\r\n")
			}
			return err
		}},
		{"trailers without end", "ok", func(w io.Writer) error {
			_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
			for err == nil {
				_, err = io.WriteString(w, "X: "+strings.Repeat("x", 1000)+"\r\n")
			}
			return err
		}},
		{"no HTTP", "unreachable", func(w io.Writer) error {
			_, err := io.WriteString(w, "220 smtp.example ESMTP\r\n")
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := receive(t, acme, false)
			v.answers(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				_ = tt.respond(conn)
			})
			g := hooked(t, v, "connection.opened", "timeout: 1s")
			held := g.watchMemory(t)
			g.dial(t, acme.token("ana"))
			g.requested(t, tt.result)
			held.stayed(t, 32<<20)
			v.answers(nil)
			c := g.dial(t, acme.token("bob"))
			v.hears("connection.opened", c.welcome["connection"].(string))
		})
	}
	t.Cleanup(func() {
		if n := sent.Load(); n > 16<<20 {
			t.Errorf("the gateway let %d bytes of an answer come", n)
		}
	})
}
