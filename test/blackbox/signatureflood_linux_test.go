package blackbox_test

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A flooder is this test binary again, in a process that gets what is left of its core: it must not disturb whoever measures.
const (
	floodTo    = "PORTCULLIS_FLOOD_TO"
	floodWith  = "PORTCULLIS_FLOOD_WITH" // header and claims of a token, to which it makes signatures up
	floodFrom  = "PORTCULLIS_FLOOD_FROM" // one address, or many
	floodSpell = 8 * time.Second
)

// flooding is what this process does when it was started to flood, and nothing otherwise. It floods until its standard input ends, and prints how many requests it sent.
func flooding() {
	to := os.Getenv(floodTo)
	if to == "" {
		return
	}
	var sent atomic.Int64
	for range 64 {
		go func() {
			for {
				sent.Add(1)
				_ = bad(to)
			}
		}()
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	fmt.Println(sent.Load())
	os.Exit(0)
}

// bad shows a token with a signature that nobody made, on a connection of its own.
func bad(to string) error {
	from := net.IPv4(127, 0, 0, 2)
	if os.Getenv(floodFrom) == "many" {
		from = net.IPv4(127, byte(1+mathrand.IntN(250)), byte(mathrand.IntN(250)), byte(1+mathrand.IntN(250)))
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", to)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetLinger(0) // ports would run out
	c.SetDeadline(time.Now().Add(5 * time.Second))
	var signature [64]byte
	rand.Read(signature[:])
	token := os.Getenv(floodWith) + "." + base64.RawURLEncoding.EncodeToString(signature[:])
	fmt.Fprintf(c, "GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", token)
	_, err = http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil { // it was reset: that is an answer too
		return nil
	}
	return nil
}

// onCore runs a program on one core, and with idle priority where it is asked to.
func onCore(core string, idle bool, args ...string) *exec.Cmd {
	all := []string{"taskset", "-c", core}
	if idle {
		all = append(all, "chrt", "--idle", "0")
	}
	all = append(all, args...)
	return exec.Command(all[0], all[1:]...)
}

func pin(t *testing.T, pid int, core string) {
	t.Helper()
	if out, err := exec.Command("taskset", "-acp", core, strconv.Itoa(pid)).CombinedOutput(); err != nil {
		t.Fatalf("taskset: %v\n%s", err, out)
	}
}

// spell is what was measured in one stretch of time.
type spell struct {
	p50, p99      time.Duration // from publishing to hearing
	knocks, let   int           // good handshakes
	knockP99      time.Duration
	floodsASecond float64
}

// Strangers who show signatures that nobody made, as fast as one core can, keep nobody out and hold nobody up. The figures are in docs/benchmarks.md; what is asserted has ten times the room.
func TestAFloodOfBadSignatures(t *testing.T) {
	onlyLong(t)
	rounds := 5
	if raced { // then nobody's time is what it is
		rounds = 1
	}
	o := options{acme: tenantOptions{limits: noRates}, admission: "connections: 5000"}
	if runtime.NumCPU() > 1 {
		o.core = "0"
		pin(t, os.Getpid(), "1")
		t.Cleanup(func() { pin(t, os.Getpid(), fmt.Sprintf("0-%d", runtime.NumCPU()-1)) })
	}
	g := start(t, o)
	for _, from := range []string{"one", "many"} {
		var without, with []spell
		for range rounds {
			without = append(without, g.spell(t, ""))
			with = append(with, g.spell(t, from))
		}
		calm, noise, flooded := median(without), median(without[rounds/2:]), median(with)
		t.Logf("from %s: flood %.0f a second; p99 without %v (noise %v), with %v: %+.0f %%; p50 %v and %v; good handshakes %d of %d, p99 %v and %v", from, flooded.floodsASecond,
			calm.p99, noise.p99, flooded.p99, 100*(float64(flooded.p99)/float64(calm.p99)-1), calm.p50, flooded.p50, flooded.let, flooded.knocks, calm.knockP99, flooded.knockP99)
		for i, s := range with {
			if s.let < s.knocks*99/100 {
				t.Errorf("from %s address, spell %d: %d of %d good handshakes succeeded", from, i, s.let, s.knocks)
			}
		}
		// From many addresses each attempt is verified, and the core that the gateway has here is full.
		if room := map[string]time.Duration{"one": 10 * time.Millisecond, "many": 100 * time.Millisecond}[from]; !raced && flooded.p99 > 2*calm.p99+room {
			t.Errorf("from %s address: p99 went from %v to %v", from, calm.p99, flooded.p99)
		}
	}
}

// median is, of each figure, the middle one.
func median(all []spell) (m spell) {
	pick := func(f func(spell) time.Duration) time.Duration {
		var each []time.Duration
		for _, s := range all {
			each = append(each, f(s))
		}
		slices.Sort(each)
		return each[len(each)/2]
	}
	m.p50, m.p99, m.knockP99 = pick(func(s spell) time.Duration { return s.p50 }), pick(func(s spell) time.Duration { return s.p99 }), pick(func(s spell) time.Duration { return s.knockP99 })
	for _, s := range all {
		m.knocks += s.knocks
		m.let += s.let
		m.floodsASecond += s.floodsASecond / float64(len(all))
	}
	return m
}

// spell measures deliveries and good handshakes for a while, with a flood from one address, from many, or without one.
func (g *gateway) spell(t *testing.T, flood string) (s spell) {
	t.Helper()
	listeners := g.subscribers(t, 50, acme.token("bob", roles("member")), "room:calm")
	publisher := g.dial(t, acme.token("ana", roles("member")))
	defer func() { // before the first ping
		publisher.Close()
		for _, l := range listeners {
			l.Close()
		}
	}()
	stop := func() float64 { return 0 }
	if flood != "" {
		stop = g.flood(t, flood)
		time.Sleep(time.Second) // until it is at its height
	}
	over := time.Now().Add(floodSpell)
	var took [][]time.Duration
	var all sync.WaitGroup
	var mu sync.Mutex
	const each = 50 // messages a second
	messages := int(floodSpell/time.Second) * each
	for _, l := range listeners {
		all.Go(func() {
			var mine []time.Duration
			for range messages {
				f, err := l.message(patience)
				if err != nil {
					t.Error(err)
					return
				}
				sent, _ := strconv.ParseInt(between(string(f.payload), `"data":"`, `"`), 10, 64)
				mine = append(mine, time.Duration(time.Now().UnixNano()-sent))
			}
			mu.Lock()
			took = append(took, mine)
			mu.Unlock()
		})
	}
	all.Go(func() { s.knocks, s.let, s.knockP99 = g.arrive(over) })
	tick := time.NewTicker(time.Second / each)
	defer tick.Stop()
	for range messages {
		<-tick.C
		if err := publisher.put(text(fmt.Sprintf(`{"type":"publish","channel":"room:calm","data":"%d"}`, time.Now().UnixNano()))); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	s.floodsASecond = stop()
	flat := slices.Concat(took...)
	slices.Sort(flat)
	if len(flat) == 0 {
		t.Fatal("nothing was heard")
	}
	s.p50, s.p99 = flat[len(flat)/2], flat[len(flat)*99/100]
	return s
}

func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	return s
}

// arrive connects with a good token, ten times a second, from an address of its own.
func (g *gateway) arrive(until time.Time) (knocks, let int, p99 time.Duration) {
	var took []time.Duration
	for ; time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		start := time.Now()
		knocks++
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}, Timeout: patience}
		c, err := d.Dial("tcp", g.address)
		if err != nil {
			continue
		}
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprint(c, g.upgrade(bearer(acme.token("eve"))))
		if r, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && r.StatusCode == http.StatusSwitchingProtocols {
			let++
			took = append(took, time.Since(start))
		}
		c.Close()
	}
	slices.Sort(took)
	if len(took) > 0 {
		p99 = took[len(took)*99/100]
	}
	return knocks, let, p99
}

// flood starts a flooder. What it returns ends it, and says how many a second it sent.
func (g *gateway) flood(t *testing.T, from string) (stop func() float64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	good := acme.token("mallory")
	cmd := onCore("1", true, self)
	cmd.Env = append(os.Environ(), floodTo+"="+g.address, floodWith+"="+good[:strings.LastIndexByte(good, '.')], floodFrom+"="+from)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() float64 {
		seconds := time.Since(begin).Seconds()
		in.Close()
		var n float64
		_, err := fmt.Fscan(out, &n)
		cmd.Process.Kill()
		cmd.Wait()
		if err != nil {
			t.Errorf("the flooder: %v", err)
		}
		return n / seconds
	}
}
