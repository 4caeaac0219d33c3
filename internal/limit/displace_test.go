package limit_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/limit"
	"portcullis/internal/testnet"
)

// small is a server behind a lobby with two places, where time stands still until it is waited for.
type small struct {
	listener *testnet.Listener
	porter   *porter
	answer   chan struct{} // ends a request for /slow
}

func newSmall(t *testing.T) *small {
	w := &small{listener: testnet.Listen(), porter: &porter{turned: make(map[limit.Turned]int)}, answer: make(chan struct{})}
	lobby := limit.NewLobby(limit.LobbyLimits{Connections: 2}, nil, w.porter)
	s := &http.Server{ConnState: lobby.ConnState, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second,
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				select {
				case <-w.answer:
				case <-r.Context().Done():
				}
			}
		})}
	done := make(chan struct{})
	go func() { s.Serve(lobby.Listener(w.listener)); close(done) }()
	t.Cleanup(func() {
		s.Close()
		<-done
		synctest.Wait()
		if got := lobby.Held(); got != 0 {
			t.Errorf("the lobby still holds %d things of connections that have ended", got)
		}
	})
	return w
}

// dial connects and, where there is a path, asks for it.
func (w *small) dial(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := w.listener.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if path != "" {
		ask(t, c, path)
	}
	synctest.Wait()
	return c
}

func ask(t *testing.T, c net.Conn, path string) {
	t.Helper()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// open reports whether the server still holds a connection to which it owes nothing.
func open(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}

func (w *small) has(t *testing.T, waiting, full, displaced int) {
	t.Helper()
	synctest.Wait()
	w.porter.mu.Lock()
	defer w.porter.mu.Unlock()
	got := w.porter
	if got.waiting != waiting || got.turned[limit.LobbyFull] != full || got.turned[limit.Displaced] != displaced {
		t.Errorf("got %d waiting, %v; want %d, %d full, %d displaced", got.waiting, got.turned, waiting, full, displaced)
	}
}

// Half-open connections fill the node. Whoever comes then takes the place of the one that has been silent longest.
func TestSlowlorisOnEveryPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		first := w.dial(t, "")
		time.Sleep(100 * time.Millisecond)
		second := w.dial(t, "")
		time.Sleep(900*time.Millisecond - time.Nanosecond)
		if early := w.dial(t, ""); open(early) {
			t.Error("before anybody was silent for a second: a third connection has a place")
		}
		w.has(t, 2, 1, 0)
		time.Sleep(time.Nanosecond)
		third := w.dial(t, "/")
		w.has(t, 2, 1, 1)
		if open(first) || !open(second) {
			t.Error("the place was not taken from the one that was silent longest")
		}
		if r, err := http.ReadResponse(bufio.NewReader(third), nil); err != nil || r.StatusCode != 200 {
			t.Errorf("got %v, %v; want an answer beside slowloris", r, err)
		}
	})
}

// A letter now and then does not keep a place.
func TestSlowlorisThatSendsALetterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		w.dial(t, "/slow")
		dripping := w.dial(t, "")
		for range 3 {
			io.WriteString(dripping, "G")
			time.Sleep(400 * time.Millisecond)
		}
		w.dial(t, "/")
		if open(dripping) {
			t.Error("it still has a place after 1.2 s")
		}
		w.has(t, 2, 0, 1)
	})
}

func TestARequestThatIsAnsweredIsNotDisplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		busy := w.dial(t, "/slow")
		w.dial(t, "/slow")
		time.Sleep(10 * time.Second)
		if c := w.dial(t, ""); open(c) {
			t.Error("a third connection has a place, beside two requests that are being answered")
		}
		w.has(t, 2, 1, 0)
		w.answer <- struct{}{}
		w.answer <- struct{}{}
		if r, err := http.ReadResponse(bufio.NewReader(busy), nil); err != nil || r.StatusCode != 200 {
			t.Errorf("got %v, %v; want the answer", r, err)
		}
		// Kept for another request they are silent from now on.
		time.Sleep(time.Second - time.Nanosecond)
		if c := w.dial(t, ""); open(c) {
			t.Error("a connection that is kept lost its place in less than a second")
		}
		time.Sleep(time.Nanosecond)
		if c := w.dial(t, ""); !open(c) {
			t.Error("connections that are kept for nothing kept their places")
		}
		w.has(t, 2, 2, 1)
	})
}

func TestEveryPlaceComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSmall(t)
		for range 10 {
			w.dial(t, "")
			w.dial(t, "")
			time.Sleep(5*time.Second - time.Nanosecond)
			w.has(t, 2, 0, 0)
			time.Sleep(time.Nanosecond) // ReadHeaderTimeout
			w.has(t, 0, 0, 0)
		}
		for i := range 10 {
			w.dial(t, "")
			w.dial(t, "")
			time.Sleep(time.Second)
			w.dial(t, "")
			w.dial(t, "")
			w.has(t, 2, 0, 2*(i+1))
			time.Sleep(5 * time.Second)
			w.has(t, 0, 0, 2*(i+1))
		}
	})
}

// A request that was just there when its connection lost the place gives that back once, not twice.
func TestADisplacedConnectionHasNoPlaceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := testnet.Listen()
		p := &porter{turned: make(map[limit.Turned]int)}
		lobby := limit.NewLobby(limit.LobbyLimits{Connections: 1}, nil, p)
		accepted := lobby.Listener(listener)
		come := func() (client, server net.Conn) {
			go func() { client, _ = listener.Dial(context.Background()) }()
			server, err := accepted.Accept()
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			lobby.ConnState(server, http.StateNew)
			time.Sleep(time.Second)
			return client, server
		}
		_, first := come()
		_, second := come()
		lobby.ConnState(first, http.StateActive)
		lobby.ConnState(first, http.StateIdle)
		waits, third := come()
		_, fourth := come()
		if open(waits) {
			t.Error("the fourth took the place of the first, which had none any more")
		}
		for _, c := range []net.Conn{first, second, third, fourth} {
			lobby.ConnState(c, http.StateClosed)
		}
		if got := lobby.Held(); got != 0 {
			t.Errorf("the lobby still holds %d things of connections that have ended", got)
		}
	})
}

// A stampede of honest clients is slow because the gateway is. Nobody whose bytes lie unread loses the place: what was done for them would be lost, for somebody who
// would be displaced in turn.
func TestAStampedeDisplacesNobody(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	p := &porter{turned: make(map[limit.Turned]int)}
	lobby := limit.NewLobby(limit.LobbyLimits{Connections: 2}, nil, p)
	listener := lobby.Listener(inner)
	accepted := make(chan net.Conn)
	go func() { // ends with the listener
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			lobby.ConnState(c, http.StateNew)
			accepted <- c
		}
	}()
	come := func() (client, server net.Conn) {
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server = <-accepted
		t.Cleanup(func() { client.Close(); server.Close() })
		return client, server
	}
	waiting, _ := come()
	io.WriteString(waiting, "GET / HTTP/1.1\r\n")
	silent, _ := come()
	time.Sleep(time.Second)
	come()
	p.await(t, 3, map[limit.Turned]int{limit.Displaced: 1, limit.LobbyFull: 0})
	if !open(waiting) {
		t.Error("a connection whose bytes nobody has read was displaced, for one that came first")
	}
	silent.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the silent one: got %v, want a reset", err)
	}
}
