package blackbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// keptRooms are rooms whose messages a page that was away gets afterwards.
var keptRooms = options{tls: true, acme: tenantOptions{
	limits: noRates,
	more:   "channels:\n- { match: \"room:kept:**\", history: { messages: 10000, ttl: 10m }, presence: true }\n",
	rules:  "\n- { name: readers read, allow: [history, presence], channels: [\"room:**\"], for: { roles: [member] } }\n",
}}

// client is the beginning of what a page does: a client c whose tokens are these, one after the other and the last for ever, and the states that it was in.
func (g *gateway) client(address, more string, tokens ...string) string {
	list, err := json.Marshal(tokens)
	if err != nil {
		panic(err) // texts have a JSON
	}
	return fmt.Sprintf(`
		const { connect } = await import("/portcullis.js");
		const tokens = %s, states = [];
		let asked = 0;
		const until = async (what, is) => { for (const end = Date.now() + 45000; Date.now() < end; await new Promise(r => setTimeout(r, 5))) { const it = is(); if (it) return it; } throw new Error(what + " did not come: " + JSON.stringify(states)); };
		const brief = (s) => ({ phase: s.phase, name: s.error?.name, message: s.error?.message, code: s.error?.code, status: s.error?.status, detail: s.error?.detail, instance: s.error?.instance, connection: s.welcome?.connection, user: s.welcome?.user });
		const c = connect({ url: "wss://%s", token: () => tokens[Math.min(asked++, tokens.length - 1)], onState: (s) => states.push(brief(s)), %s });
	`, list, address, more)
}

func TestABrowserComesIn(t *testing.T) {
	t.Parallel()
	g := start(t, keptRooms)
	for _, way := range []string{"ticket", "subprotocol"} {
		b := browse(t)
		b.opens(t, acme.origin)
		var got struct {
			User, Echo, Said string
			Phases           []string
			Members          []string
			Past             []string
			Asked            int
		}
		b.does(t, g.client(g.address, fmt.Sprintf("way: %q", way), acme.token("ana", roles("member")))+`
			const echo = await c.echo("lab:rtt", "Hello, Secure World!");
			const feed = await c.subscribe("room:kept:`+way+`");
			await c.publish("room:kept:`+way+`", { text: "good morning" });
			const message = await feed.next();
			const past = [];
			for await (const m of c.history("room:kept:`+way+`")) past.push(m.data.text);
			const { members } = await c.presence("room:kept:`+way+`");
			const user = c.state.welcome.user;
			await c.close();
			return { user, echo, said: message.from.user + ": " + message.data.text, past, members: members.map((m) => m.user), phases: states.map((s) => s.phase), asked };
		`, &got)
		if got.User != "ana" || got.Echo != "Hello, Secure World!" || got.Said != "ana: good morning" || got.Asked != 1 ||
			!slices.Equal(got.Members, []string{"ana"}) || !slices.Equal(got.Past, []string{"good morning"}) || !slices.Equal(got.Phases, []string{"connecting", "connected", "ended"}) {
			t.Errorf("%s: got %+v", way, got)
		}
	}
}

// Browsers keep the answer to a refused handshake for themselves. A page learns all the same what was wrong, and by which name the operator finds it.
func TestABrowserReadsWhyItIsRefused(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true})
	for _, tt := range []struct{ name, token, code string }{
		{"expired", acme.token("ana", claims{"exp": now() - 100}), "token_expired"},
		{"forged", forged(), "unauthorized"},
	} {
		for _, way := range []string{"ticket", "subprotocol"} {
			b := browse(t)
			b.opens(t, acme.origin)
			var got struct {
				Name, Code, Detail, Instance string
				Status                       int
			}
			b.does(t, g.client(g.address, fmt.Sprintf("way: %q", way), tt.token)+`
				const first = await until("a refusal", () => states.find((s) => s.name));
				await c.close();
				return first;
			`, &got)
			if got.Name != "RefusedError" || got.Code != tt.code || got.Status != 401 || got.Detail == "" || !strings.HasPrefix(got.Instance, "urn:portcullis:ticket:h_") {
				t.Errorf("%s, by %s: got %+v, want 401 %s", tt.name, way, got, tt.code)
			}
		}
	}
}

// A user has as many connections as the tenant allows. The page that is one too many is told so, and comes in when there is a place.
func TestABrowserForWhichThereIsNoPlace(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true, acme: tenantOptions{limits: "connections_per_user: 1"}})
	for _, way := range []string{"ticket", "subprotocol"} {
		token := acme.token("ana")
		first := g.dial(t, token)
		b := browse(t)
		b.opens(t, acme.origin)
		var got struct {
			Name, Code, Detail string
			Status             int
		}
		b.does(t, g.client(g.address, fmt.Sprintf("way: %q, longestPauseMs: 200", way), token)+`
			window.c = c;
			return await until("a refusal", () => states.find((s) => s.name));
		`, &got)
		if got.Name != "RefusedError" || got.Status != 429 || got.Code != "quota_exceeded" || !strings.Contains(got.Detail, "connections_per_user is reached") {
			t.Errorf("by %s: got %+v, want 429 quota_exceeded of connections_per_user", way, got)
		}
		first.Close()
		b.does(t, "await c.echo('lab:rtt', 1); await c.close()", nil)
	}
}

// A token ends while its page is open. Where another can be had in time the connection stays; where it comes late the page is back with the new one.
func TestABrowsersTokenExpires(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true})
	b := browse(t)
	b.opens(t, acme.origin)
	short := acme.token("ana", claims{"exp": now() + 4})
	var got struct{ Before, After string }
	b.does(t, g.client(g.address, "", short, acme.token("ana"))+`
		await c.echo("lab:rtt", 1);
		const before = c.state.welcome.connection;
		await until("a second token", () => asked === 2);
		await new Promise((r) => setTimeout(r, 6000)); // the first one and its leeway are over
		await c.echo("lab:rtt", 2);
		const after = c.state.welcome.connection;
		await c.close();
		return { before, after };
	`, &got)
	if got.Before == "" || got.After != got.Before {
		t.Errorf("got connection %q and then %q, want one that stays", got.Before, got.After)
	}
	var late struct {
		Code        int
		Connections []string
	}
	b.does(t, g.client(g.address, `renew: async () => { if (!states.some((s) => s.code === 4200)) throw new Error("the identity service is busy"); return tokens[1]; }`, acme.token("ana", claims{"exp": now() + 2}), acme.token("ana"))+`
		const gone = await until("the end", () => states.find((s) => s.name === "CloseError"));
		await until("another connection", () => states.filter((s) => s.phase === "connected" && !s.name).length === 2);
		await c.close();
		return { code: gone.code, connections: states.filter((s) => s.phase === "connected" && !s.name).map((s) => s.connection) };
	`, &late)
	if late.Code != 4200 || len(late.Connections) != 2 || late.Connections[0] == late.Connections[1] {
		t.Errorf("got %+v, want 4200 and then another connection", late)
	}
}

// cable is a way to a gateway that can be cut.
type cable struct {
	listener net.Listener
	work     sync.WaitGroup

	// Guarded by mu.
	mu    sync.Mutex
	ends  map[net.Conn]bool
	ended bool
}

func (g *gateway) cable(t *testing.T) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: l, ends: make(map[net.Conn]bool)}
	c.work.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			c.work.Go(func() { c.carry(near, g.address) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.mu.Lock()
		c.ended = true
		c.mu.Unlock()
		c.cut()
		c.work.Wait()
	})
	return c
}

func (c *cable) carry(near net.Conn, to string) {
	defer near.Close()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	c.mu.Lock()
	c.ends[near], c.ends[far] = true, true
	over := c.ended
	c.mu.Unlock()
	if over {
		return
	}
	c.work.Go(func() { io.Copy(far, near); far.Close() })
	io.Copy(near, far)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ends, near)
	delete(c.ends, far)
}

// cut ends what goes over it now.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := range c.ends {
		end.Close()
	}
}

// heard is what a page heard of numbers that were published one after the other, and nothing else before them: offsets and numbers go together.
type heard struct {
	Numbers     []int
	Gaps        []struct{ After, Before int }
	Connections int
}

// whole wants each number to have come once and in order, or to stand in a gap that the page was told of.
func (h heard) whole(t *testing.T, most int) {
	t.Helper()
	told := func(n int) bool {
		return slices.ContainsFunc(h.Gaps, func(g struct{ After, Before int }) bool { return g.After < n+1 && n+1 < g.Before })
	}
	next := 0
	for _, n := range h.Numbers {
		if n < next {
			t.Fatalf("got %d behind %d", n, next-1)
		}
		for ; next < n; next++ {
			if !told(next) {
				t.Fatalf("%d did not come, and no gap of %v tells of it", next, h.Gaps)
			}
		}
		next++
	}
	for ; next < most; next++ {
		if !told(next) {
			t.Fatalf("%d did not come, and no gap of %v tells of it", next, h.Gaps)
		}
	}
}

// hearing is a page that hears numbers on a channel until somebody says that there are no more; what it does meanwhile stands in between.
func hearing(channel, between string) string {
	return fmt.Sprintf(`
		const numbers = [], gaps = [];
		const feed = await c.subscribe(%q, { onGap: (gap) => gaps.push({ after: gap.after, before: gap.before }) });
		document.title = "hearing";
		%s
		for await (const { data } of feed) {
			if (data.over) break;
			numbers.push(data.n);
		}
		await c.close();
		return { numbers, gaps, connections: states.filter((s) => s.phase === "connected").length };
	`, channel, between)
}

// closing says that there are no more numbers until the page has heard it, however it is connected meanwhile.
func (c *conn) closing(t *testing.T, channel string, done <-chan error) {
	t.Helper()
	for end := time.Now().Add(4 * patience); time.Now().Before(end); {
		c.does(`{"type":"publish","id":1,"channel":%q,"data":{"over":true}}`, channel)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("the page hears no end")
}

// begun waits until a page hears.
func (b *tab) begun(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(4 * patience); ; time.Sleep(10 * time.Millisecond) {
		var title string
		b.does(t, "return document.title", &title)
		if title == "hearing" {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the page does not hear")
		}
	}
}

// beside has a page do something while the test does something else.
func (b *tab) beside(body string, into any) (done <-chan error) {
	result := make(chan error, 1)
	go func() { result <- b.tries(body, into) }() // ends with the page's answer, or when its time is over
	return result
}

func TestABrowserWhoseNetworkIsCut(t *testing.T) {
	t.Parallel()
	g := start(t, keptRooms)
	line := g.cable(t)
	b := browse(t)
	b.opens(t, acme.origin)
	const most, cuts = 400, 4
	var got heard
	done := b.beside(g.client(line.listener.Addr().String(), "longestPauseMs: 300", acme.token("ana", roles("member")))+hearing("room:kept:cut", ""), &got)
	b.begun(t)
	ben := g.dial(t, acme.token("ben", roles("member")))
	for n := range most {
		ben.does(`{"type":"publish","id":1,"channel":"room:kept:cut","data":{"n":%d}}`, n)
		if n%(most/cuts) == most/cuts/2 {
			line.cut()
		}
		time.Sleep(time.Millisecond)
	}
	ben.closing(t, "room:kept:cut", done)
	got.whole(t, most)
	if got.Connections < 2 || len(got.Gaps) != 0 {
		t.Errorf("got %d connections and the gaps %v, want that it was cut and none", got.Connections, got.Gaps)
	}
}

// A tab is frozen, as those are that were in the background for long, while its channel says more than an outbox holds. The page gets the
// rest afterwards, over another connection where it lost its own, or is told what it does not get.
func TestASlowTab(t *testing.T) {
	t.Parallel()
	g := start(t, keptRooms)
	b := browse(t)
	b.opens(t, acme.origin)
	const most = 4000
	var got heard
	done := b.beside(g.client(g.address, "longestPauseMs: 300", acme.token("ana", roles("member")))+
		hearing("room:kept:slow", ""), &got)
	b.begun(t)
	b.must(t, "Page.setWebLifecycleState", map[string]any{"state": "frozen"}, nil)
	ben := g.dial(t, acme.token("ben", roles("member")))
	filler := strings.Repeat("x", 4000)
	for n := 0; n < most; n += 50 {
		var lines []string
		for i := range 50 {
			lines = append(lines, fmt.Sprintf(`{"type":"publish","channel":"room:kept:slow","data":{"n":%d,"filler":%q}}`, n+i, filler))
		}
		for part := range slices.Chunk(lines, 10) {
			ben.say("%s", strings.Join(part, "\n"))
		}
	}
	ben.does(`{"type":"ping","id":1}`)
	b.must(t, "Page.setWebLifecycleState", map[string]any{"state": "active"}, nil)
	ben.closing(t, "room:kept:slow", done)
	got.whole(t, most)
	if got.Connections < 2 && len(got.Gaps) == 0 {
		t.Errorf("the page got %d numbers as if it had not been slow", len(got.Numbers))
	}
}

// A page that no tenant knows, or another tenant's, has a token of acme. It does not get in with it.
func TestAForeignPage(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true})
	token := acme.token("ana")
	for _, tt := range []struct{ name, origin, ticket, subprotocol string }{
		{"of another tenant", globex.origin, "origin_refused", "origin_refused"},
		{"of nobody", "https://evil.example", "", "1006"}, // the browser keeps from it what was answered; whoever wrote it reads what to look at
	} {
		for way, code := range map[string]string{"ticket": tt.ticket, "subprotocol": tt.subprotocol} {
			b := browse(t)
			b.opens(t, tt.origin)
			var got struct {
				Name, Code, Message string
				Connected           bool
			}
			b.does(t, g.client(g.address, fmt.Sprintf("way: %q", way), token)+`
				const first = await until("an end", () => states.find((s) => s.name));
				await new Promise((r) => setTimeout(r, 700));
				await c.close();
				return { name: first.name, code: String(first.code ?? ""), message: first.message, connected: states.some((s) => s.phase === "connected") };
			`, &got)
			if got.Connected || got.Code != code {
				t.Errorf("%s, by %s: got %+v, want no connection and %q", tt.name, way, got, code)
			}
			if !strings.Contains(got.Message, "origin") {
				t.Errorf("%s, by %s: got %q, want a word about origins", tt.name, way, got.Message)
			}
		}
	}
	g.logged(t, entry{"reason": "origin_refused", "origin": "https://evil.example"})
}
