package blackbox_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The story of these tests: ten thousand messages a second go by on one channel. Five subscribers read them. Beside those
//
//   - one stops reading for good,
//   - one stops, and goes on when its outbox has long been full,
//   - one reads on all the time, but far too slowly.
//
// The five hear everything in order. The other three are ended as slow consumers; what they read until then is what the five read, whole
// frames in order, and the close frame, where there is one, lies between two frames.
func TestAClientThatStopsReading(t *testing.T) {
	for name, secured := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			g := start(t, options{tls: secured, acme: tenantOptions{limits: noRates}})
			token := acme.token("ana", roles("member"))
			perSecond, count, behindAt := 10_000, 30_000, 8_000 // by then an outbox is full behind a kernel that took 4,000 messages
			if raced {
				perSecond, count, behindAt = 2_000, 8_000, 6_000
			}
			readers := g.subscribers(t, 5, token, "room:stuck")
			dead, late, slow := g.narrow(t, token), g.narrow(t, token), g.narrow(t, token)
			for _, c := range []*conn{dead, late, slow} {
				c.does(`{"type":"subscribe","id":1,"channel":"room:stuck"}`)
			}
			talker := g.dial(t, token)
			closes, stuck := g.closes(t, "server", "slow_consumer"), g.mark(t, "portcullis_slow_consumers_total")
			memory := g.watchMemory(t)

			var all sync.WaitGroup
			streams := make([][]byte, len(readers))
			errs := make([]error, len(readers)+1)
			enough, hasEnough := context.WithCancel(t.Context())
			behind, isBehind := context.WithCancel(t.Context())
			all.Go(func() {
				defer isBehind()
				defer hasEnough()
				streams[0], errs[0] = readers[0].hearAll(count, map[int]context.CancelFunc{1_000: hasEnough, behindAt: isBehind})
			})
			for i, c := range readers[1:] {
				all.Go(func() { streams[1+i], errs[1+i] = c.hearAll(count, nil) })
			}
			all.Go(func() { errs[len(readers)] = talker.talk("room:stuck", count, perSecond) })
			var slowHeard, lateHeard []byte
			var steady, inTime bool // else it was this machine that was too slow, and nobody can be told
			over := make(chan struct{})
			all.Go(func() { defer close(over); slowHeard, steady = slow.readSlowly(200) })
			all.Go(func() { slow.pingUntil(over) })
			all.Go(func() {
				<-enough.Done() // its outbox is not full before this: it holds 1,024 messages
				start := time.Now()
				<-behind.Done()
				inTime = time.Since(start) < 900*time.Millisecond
				lateHeard = late.readOn()
			})
			all.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			closes.moved(t, 3)
			stuck.moved(t, 3)
			memory.stayed(t, 32<<20)
			for i, s := range streams {
				if !bytes.Equal(s, streams[0]) {
					t.Errorf("subscriber %d did not hear what subscriber 0 did", i)
				}
			}
			wholeUntilTheEnd(t, "the one that stopped", streams[0], dead.readOn(), false)
			wholeUntilTheEnd(t, "the one that read on late", streams[0], lateHeard, inTime)
			slowHeard, pongs := withoutPongs(slowHeard)
			if pongs == 0 {
				t.Error("none of the slow one's pings was answered")
			}
			wholeUntilTheEnd(t, "the slow one", streams[0], slowHeard, steady)
		})
	}
}

// Ten clients ask for far more than they read. The gateway reads no further than it can answer: it holds little for each, others are served as
// before, and when the ten read at last, every answer is there, in order.
func TestClientsThatAskAndDoNotRead(t *testing.T) {
	t.Parallel()
	clients, requests := 10, 400
	if raced {
		clients = 2
	}
	answer := strconv.Quote(strings.Repeat("x", 16<<10))
	for name, secured := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			g := start(t, options{tls: secured, acme: tenantOptions{limits: noRates}})
			token := acme.token("ana")
			lines := make([]*conn, clients)
			for i := range lines {
				lines[i] = g.narrow(t, token)
			}
			bystander := g.measure(t, token)
			memory := g.watchMemory(t)
			asking := make(chan error, clients)
			for _, c := range lines {
				go func() { // the test waits for it
					for id := 1; id <= requests; id++ {
						if err := c.put(text(fmt.Sprintf(`{"type":"echo","id":%d,"channel":"lab:rtt","data":%s}`, id, answer))); err != nil {
							asking <- err
							return
						}
					}
					asking <- nil
				}()
			}
			time.Sleep(time.Second)
			bystander.calm(t, 250*time.Millisecond)
			memory.stayed(t, 32<<20)
			err := parallel(clients, clients, func(i int) error {
				for id := 1; id <= requests; id++ {
					f, err := lines[i].message(patience)
					if want := fmt.Sprintf(`{"type":"ok","id":%d,"channel":"lab:rtt","data":%s}`, id, answer); err != nil || string(f.payload) != want {
						return fmt.Errorf("answer %d: got %.100q, %w", id, f.payload, err)
					}
				}
				return <-asking
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// narrow connects a client whose kernel takes little for it, on a path of small segments, so that not reading is soon felt by the gateway. Its
// address is one of many on loopback: the kernel remembers of each how much it once took, and gives the gateway as large a buffer for the next.
func (g *gateway) narrow(t *testing.T, token string) *conn {
	t.Helper()
	return accepted(t, g.tell(t, g.narrowLine(t), g.upgrade(bearer(token))))
}

// narrowLine is a line whose kernel takes little, from an address of its own.
func (g *gateway) narrowLine(t *testing.T) *line {
	t.Helper()
	address := net.IPv4(127, byte(1+rand.IntN(250)), byte(rand.IntN(256)), byte(1+rand.IntN(250)))
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: address}, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		control := raw.Control(func(fd uintptr) {
			err = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10),
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1400))
		})
		return errors.Join(control, err)
	}}
	l, err := g.openBy(&d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// openBy is open with a dialer.
func (g *gateway) openBy(d *net.Dialer) (*line, error) {
	conn, err := d.Dial("tcp", g.address)
	if err != nil {
		return nil, err
	}
	if g.options.tls {
		conn = tls.Client(conn, trust())
	}
	return &line{Conn: conn, r: bufio.NewReader(conn)}, nil
}
