package limit_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/limit"
)

// porter writes down what the lobby tells.
type porter struct {
	mu      sync.Mutex
	waiting int
	entered int // ever
	turned  map[limit.Turned]int
}

func (p *porter) Waiting(change int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting += change
	p.entered += max(0, change)
}

func (p *porter) TurnedAway(why limit.Turned) {
	p.mu.Lock()
	p.turned[why]++
	p.mu.Unlock()
}

func (p *porter) await(t *testing.T, waiting int, turned map[limit.Turned]int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		same := p.waiting == waiting
		for why, n := range turned {
			same = same && p.turned[why] == n
		}
		got, all := p.waiting, p.turned
		p.mu.Unlock()
		if same {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got %d waiting, %v turned away; want %d, %v", got, all, waiting, turned)
		}
	}
}

// serve serves behind a lobby: /take takes the connection over as an upgrade does.
func serve(t *testing.T, l limit.LobbyLimits, exempt ...string) (string, *porter) {
	t.Helper()
	p := &porter{turned: make(map[limit.Turned]int)}
	lobby := limit.NewLobby(l, func(a netip.Addr) bool {
		for _, e := range exempt {
			if a.String() == e {
				return true
			}
		}
		return false
	}, p)
	s := &http.Server{ConnState: lobby.ConnState, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/take" {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { c.Close() })
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		}
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { s.Serve(lobby.Listener(listener)); close(done) }()
	t.Cleanup(func() {
		s.Close()
		<-done
		p.await(t, 0, nil)
		if got := lobby.Held(); got != 0 {
			t.Errorf("the lobby still holds %d things of connections that have ended", got)
		}
	})
	return listener.Addr().String(), p
}

// dial connects from an address of this machine. A connection that is reset at once may be none already here: then it is closed.
func dial(t *testing.T, to, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", to)
	if errors.Is(err, syscall.ECONNRESET) {
		c, _ = net.Pipe()
		c.Close()
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// served reports whether a connection is answered.
func served(c net.Conn, path string) bool {
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	_, err := http.ReadResponse(bufio.NewReader(c), nil)
	return err == nil
}

func TestHalfOpenConnectionsOfOneAddress(t *testing.T) {
	address, p := serve(t, limit.LobbyLimits{ConnectionsPerAddress: 3})
	var silent []net.Conn
	for range 3 {
		silent = append(silent, dial(t, address, "127.0.0.1"))
	}
	p.await(t, 3, nil)
	if served(dial(t, address, "127.0.0.1"), "/") {
		t.Error("a fourth connection was served")
	}
	p.await(t, 3, map[limit.Turned]int{limit.AddressFull: 1})
	if !served(dial(t, address, "127.0.0.2"), "/") {
		t.Error("another address was turned away")
	}
	if !served(silent[0], "/take") {
		t.Error("one that waits was not served")
	}
	p.await(t, 3, nil) // two of the first, and the other address's
	silent[1].Close()
	p.await(t, 2, nil)
	if !served(dial(t, address, "127.0.0.1"), "/") {
		t.Error("the places did not come back with an upgrade and an end")
	}
}

// Whoever is turned away leaves nothing behind in the kernel: no goodbye that has to be delivered, and no address pair that rests for a minute.
func TestWhoeverIsTurnedAwayIsReset(t *testing.T) {
	address, p := serve(t, limit.LobbyLimits{ConnectionsPerAddress: 1})
	dial(t, address, "127.0.0.1")
	p.await(t, 1, nil)
	c, err := net.Dial("tcp", address)
	if err == nil {
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}

func TestAFullLobby(t *testing.T) {
	address, p := serve(t, limit.LobbyLimits{Connections: 2})
	dial(t, address, "127.0.0.1")
	dial(t, address, "127.0.0.2")
	p.await(t, 2, nil)
	if served(dial(t, address, "127.0.0.3"), "/") {
		t.Error("a third connection was served")
	}
	p.await(t, 2, map[limit.Turned]int{limit.LobbyFull: 1})
}

func TestConnectionsThatComeTooOften(t *testing.T) {
	address, p := serve(t, limit.LobbyLimits{ConnectionsPerSecondPerAddress: 5})
	start := time.Now()
	for range 20 {
		dial(t, address, "127.0.0.1").Close()
	}
	entered, turned := 0, 0
	for entered+turned < 20 {
		time.Sleep(time.Millisecond)
		p.mu.Lock()
		entered, turned = p.entered, p.turned[limit.AddressTooOft]
		p.mu.Unlock()
	}
	if most := 10 + int(5*time.Since(start).Seconds()); entered < 10 || entered > most {
		t.Errorf("%d of 20 were let in, want 10 to %d: a burst of 10, and 5 a second", entered, most)
	}
	p.await(t, 0, nil)
	if !served(dial(t, address, "127.0.0.2"), "/") {
		t.Error("another address was turned away")
	}
}

// A few addresses that come faster than anybody can be silent do not keep the others out.
func TestABotnetInAFullLobby(t *testing.T) {
	address, p := serve(t, limit.LobbyLimits{Connections: 12})
	for i := range 12 {
		dial(t, address, "127.0.0."+strconv.Itoa(11+i%3))
	}
	p.await(t, 12, nil)
	if c := dial(t, address, "127.0.0.11"); served(c, "/") {
		t.Error("one more of an address that has four places was served")
	}
	p.await(t, 12, map[limit.Turned]int{limit.LobbyFull: 1, limit.Displaced: 0})
	if !served(dial(t, address, "127.0.0.2"), "/take") {
		t.Error("an address that has no place was turned away for those that have four")
	}
	p.await(t, 11, map[limit.Turned]int{limit.LobbyFull: 1, limit.Displaced: 1})
}

// All clients of a proxy come from its address.
func TestAProxyIsManyClients(t *testing.T) {
	address, p := serve(t, limit.LobbyLimits{Connections: 10, ConnectionsPerAddress: 1, ConnectionsPerSecondPerAddress: 1}, "127.0.0.1")
	for range 8 {
		dial(t, address, "127.0.0.1")
	}
	p.await(t, 8, map[limit.Turned]int{limit.AddressFull: 0, limit.AddressTooOft: 0})
}
