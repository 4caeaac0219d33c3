package blackbox_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hijacks answers every request with these bytes.
func (v *receiver) hijacks(respond func(w net.Conn) error) {
	v.answers(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			v.t.Error(err)
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		_ = respond(conn)
	})
}

// A tenant's file sends its events to the node itself: to what administrators do there, which asks nobody for a token on loopback, and to its clients' listener. Nothing is done, and each is an
// answer like another.
func TestAWebhookThatPointsToTheNodeItself(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := start(t, options{files: map[string][]byte{"acme-hook-secret": v.secret()}})
	other := g.dial(t, globex.token("bob"))
	var hooks string
	targets := []string{"/admin/v1/reload", "/admin/v1/tenants/globex/suspend", "/admin/v1/doctor", "/admin/v1/tenants/globex/revocations", "/metrics"}
	for _, path := range targets {
		v.path = path
		hooks += strings.Replace(v.keys("connection.opened"), v.server.URL, "http://"+g.admin, 1)
	}
	for _, path := range []string{"/v1/events", "/v1/ws", "/v1/revocations"} {
		v.path = path
		hooks += strings.Replace(v.keys("connection.opened"), v.server.URL, "http://"+g.address, 1)
	}
	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{more: "webhooks:\n" + hooks}))
	g.reload(t, "applied")
	reloads, doctor := g.mark(t, "portcullis_config_reloads_total"), g.text()
	g.dial(t, acme.token("ana"))
	const all = 8
	for end := time.Now().Add(patience); g.metric(t, "portcullis_webhook_requests_total", "result", "refused") < all; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%v requests were refused, want one of each of %d webhooks", g.metric(t, "portcullis_webhook_requests_total", "result", "refused"), all)
		}
	}
	if n := g.metric(t, "portcullis_webhook_requests_total", "result", "ok"); n != 0 {
		t.Errorf("%v requests were taken", n)
	}
	reloads.moved(t, 0)
	other.lives(t)
	for _, event := range []string{"tenant.suspend", "authn_token_revoked", "doctor."} {
		if strings.Contains(g.text()[len(doctor):], event) {
			t.Errorf("the log tells of %s", event)
		}
	}
}

// What signs the events, and what calls them, stands nowhere but in its file: not in what is logged (every test looks), measured, listed, checked or answered, while the receiver fails and while it does not.
func TestTheSecretOfAWebhookIsNowhere(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	written := strings.TrimSpace(string(v.secret()))
	g := hooked(t, v, everyEvent, "payload: true")
	v.answers(func(w http.ResponseWriter, r *http.Request) { // it says what it was told
		w.Header().Set("Retry-After", "1")
		w.Header().Set("X-Signature", r.Header.Get("Webhook-Signature"))
		http.Error(w, secret(r.Header.Get("Webhook-Signature")), http.StatusInternalServerError)
	})
	c := g.dial(t, acme.token("ana", roles("member")))
	c.does(`{"type":"publish","id":1,"channel":"room:1","data":%q}`, secret("what ana said to the room"))
	g.requested(t, "failed")
	g.logged(t, entry{"event": "webhook.failed"})
	said := map[string]string{"the client": fmt.Sprint(c.welcome)}
	for _, path := range []string{"/metrics", "/metrics/tenants", "/admin/v1/tenants", "/admin/v1/tenants/acme/connections", "/admin/v1/tenants/acme/revocations", "/readyz", "/webhooks"} {
		_, body, err := g.ask(path)
		if err != nil {
			t.Fatal(err)
		}
		said[path] = body
	}
	said["doctor"] = g.administer(t, http.MethodPost, "/admin/v1/doctor", "").body
	for _, path := range []string{"/v1/openapi.json", "/v1/whoami", "/v1/connections", "/v1/webhooks"} {
		said[path] = g.asks(t, g.get(path, bearer(acme.token("ana")))).body
	}
	for _, how := range [][]string{{"config", "check"}, {"config", "check", "--json"}} {
		out, err := exec.Command(program(t), append(how, "--config", filepath.Join(g.folder, "portcullis.yaml"))...).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v: %s", how, err, out)
		}
		said[strings.Join(how, " ")] = string(out)
	}
	v.mu.Lock()
	raw := []string{written, strings.TrimPrefix(written, "whsec_"), string(v.key), fmt.Sprintf("%x", v.key), base64.RawURLEncoding.EncodeToString(v.key), v.path}
	v.mu.Unlock()
	for where, text := range said {
		for _, hidden := range raw {
			if strings.Contains(text, hidden) {
				t.Errorf("%s says %.12q: %s", where, hidden, text)
			}
		}
		if found, is := leaked(text); is {
			t.Errorf("%s says %.12q", where, found)
		}
	}
}

// Somebody writes the secret itself where its file is to be named. What is said of that is read by many, and says anything but the secret.
func TestASecretThatStandsWhereItsFileIsNamed(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	written := strings.TrimSpace(string(v.secret()))
	wrong := "webhooks:\n" + strings.Replace(v.keys("connection.opened"), "acme-hook-secret", fmt.Sprintf("%q", written), 1)
	b := broken{options: options{acme: tenantOptions{more: wrong}}, place: "tenants/acme.yaml:24:56", says: "looks like the secret itself"}
	if out := b.refused(t); strings.Contains(out, written[:20]) || !strings.Contains(out, b.says) || !strings.Contains(out, "webhooks[0].secret_file") {
		t.Errorf("serve says:\n%s\nwant the place, the mistake, and not the secret", strings.ReplaceAll(out, written, "THE SECRET"))
	}
	g := start(t, options{})
	g.put(t, "tenants/acme.yaml", acme.file(tenantOptions{more: wrong}))
	g.reload(t, "refused") // and every test looks into the log
	a := g.administer(t, http.MethodPost, "/admin/v1/reload", "{}")
	out, _ := exec.Command(program(t), "config", "check", "--config", filepath.Join(g.folder, "portcullis.yaml")).CombinedOutput()
	if strings.Contains(a.body, written[:20]) || bytes.Contains(out, []byte(written[:20])) || !strings.Contains(a.body, "looks like the secret itself") {
		t.Errorf("reload and check say the secret, or not what is wrong: %s", strings.ReplaceAll(a.body+string(out), written, "THE SECRET"))
	}
}

// One tenant's receivers, as many as it may have, take the connection and say nothing, or one byte now and then. Another tenant's backend is told as soon as ever.
func TestAReceiverThatHangsHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	ours, theirs := receive(t, acme, false), receive(t, globex, false)
	path := ours.path
	var hooks string
	for i := range 8 {
		ours.path = fmt.Sprint(path, i)
		hooks += ours.keys(everyEvent, "timeout: 30s")
	}
	var hanging atomic.Int32
	ours.hijacks(func(conn net.Conn) (err error) {
		hanging.Add(1)
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ")
		for range 100 {
			if err == nil {
				time.Sleep(100 * time.Millisecond)
				_, err = conn.Write([]byte("x"))
			}
		}
		return err
	})
	g := start(t, options{
		acme: tenantOptions{more: "webhooks:\n" + hooks, limits: noRates}, globex: tenantOptions{more: "webhooks:\n" + theirs.keys("message.published"), limits: noRates},
		files: map[string][]byte{"acme-hook-secret": ours.secret(), "globex-hook-secret": theirs.secret()},
	})
	ana, bob := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, globex.token("bob", roles("member")))
	for n := range 2000 { // batches that wait behind each that hangs
		ana.say(`{"type":"publish","channel":"room:%d","data":1}`, n)
	}
	for end := time.Now().Add(patience); hanging.Load() < 8; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d receivers hang, want 8", hanging.Load())
		}
	}
	slowest := time.Duration(0)
	for n := range 20 {
		begin := time.Now()
		bob.does(`{"type":"publish","id":%d,"channel":"room:bob:%d","data":1}`, n+1, n)
		theirs.hears("message.published", fmt.Sprintf("room:bob:%d", n))
		slowest = max(slowest, time.Since(begin))
	}
	if most := bound(500 * time.Millisecond); slowest > most {
		t.Errorf("the slowest of 20 events took %v, want at most %v", slowest, most)
	}
	if n := g.metric(t, "portcullis_webhook_requests_in_flight"); n < 8 {
		t.Errorf("%v requests are under way: nobody hung", n)
	}
}

// A receiver keeps its connection, and says more on it than it was asked: what Go's client has to say of that is one bounded line of the gateway's own form, and nothing in it is what the receiver said.
func TestAReceiverThatSpeaksUnasked(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	evil := secret("unasked-for-words") + "\x1b[2J" + `{"event":"authn_login_success","user_hash":"admin"}` + "\n"
	var answered atomic.Int32
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				io.Copy(io.Discard, r.Body)
				answered.Add(1)
				io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				time.Sleep(20 * time.Millisecond) // the connection is idle by now
				io.WriteString(conn, evil)
				time.Sleep(20 * time.Millisecond)
			}()
		}
	}()
	v := receive(t, acme, false)
	before := v.server.URL
	g := start(t, options{
		acme: tenantOptions{more: "webhooks:\n" + strings.Replace(v.keys("message.published"), before, "http://"+l.Addr().String(), 1), limits: noRates}, files: map[string][]byte{"acme-hook-secret": v.secret()},
	})
	from := len(strings.Split(g.text(), "\n"))
	c := g.dial(t, acme.token("ana", roles("member")))
	for n := range 30 {
		c.does(`{"type":"publish","id":%d,"channel":"room:1","data":1}`, n+1)
		time.Sleep(30 * time.Millisecond)
	}
	if answered.Load() == 0 {
		t.Fatal("the receiver was never asked")
	}
	g.onlyOwnLines(t, from)
	if line := g.logged(t, entry{"event": "library.said"}); !strings.Contains(fmt.Sprint(line["text"]), "Unsolicited response") || line["cut"] != true {
		t.Errorf("got %v, want what the client says, without what it quotes", line)
	}
}

// A name in a URL is looked up when it is dialled, and may stand for another machine by then. Plain http, which shows nobody's certificate, goes to this machine alone.
func TestAWebhookOverPlainHTTPToAnotherMachine(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"http://169.254.169.254/latest/api/token", "http://[fd00:ec2::254]/latest", "http://metadata.google.internal/computeMetadata/v1/", "http://0.0.0.0:8081/admin/v1/reload", "http://[::]:8081/", "http://2130706433/", "http://0x7f.1/",
		"http://127.0.0.1.nip.io/", "http://localhost.evil.example/", "http://localhost./", "http://[::ffff:169.254.169.254]/", "http://[fe80::1%25lo]/", "http://127.0.0.1@evil.example/", "http://evil.example#@127.0.0.1/", "http://evil.example\\\\@127.0.0.1/",
		"file:///etc/passwd", "gopher://127.0.0.1:6379/", "unix:///run/docker.sock", "//127.0.0.1/", "http:127.0.0.1", "http://127.0.0.1:99999/", "http://127.0.0.1:http/", "http://127.0.0.1:/\r\nX: y",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			v := receive(t, acme, false)
			hook := "webhooks:\n" + strings.Replace(v.keys("connection.opened"), fmt.Sprintf("%q", v.server.URL+v.path), fmt.Sprintf("%q", url), 1)
			out := broken{options: options{acme: tenantOptions{more: hook}, files: map[string][]byte{"acme-hook-secret": v.secret()}}}.refused(t)
			if !strings.Contains(out, "webhooks[0].url: ") {
				t.Errorf("got:\n%s\nwant a problem of the url", out)
			}
		})
	}
}
