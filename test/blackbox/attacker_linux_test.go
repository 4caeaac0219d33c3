package blackbox_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// An attacker is this test binary again, in a process of its own: what its clients compute must not be what the victim's clients wait for.
const attackWith = "PORTCULLIS_ATTACK"

// orders are what an attacker reads from its standard input before it begins.
type orders struct {
	To     string   `json:"to"`
	Tokens []string `json:"tokens"` // of one tenant, each of another user
}

// attacker is one tenant's clients, who use all that their tenant has.
type attacker struct {
	orders
	ready sync.WaitGroup // until the attack is at its height

	did, refused atomic.Int64
}

// attacks are what an attacker can do, by name, each at the limits of a tenant whose file says nothing of limits.
var attacks = map[string]func(*attacker){
	"publishing to one channel of 500": func(a *attacker) {
		a.listen(500, 0, func(int) string { return "room:one" })
		a.each(40, 50, func(int, int) string { return `{"type":"publish","channel":"room:one","data":"` + filler(128) + `"}` })
	},
	"publishing to 20 channels of 25": func(a *attacker) {
		a.listen(500, 0, func(i int) string { return fmt.Sprint("room:", i%20) })
		a.each(40, 50, func(i, _ int) string {
			return fmt.Sprintf(`{"type":"publish","channel":"room:%d","data":"%s"}`, i%20, filler(128))
		})
	},
	"subscribing and unsubscribing": func(a *attacker) {
		a.each(40, 50, func(_, n int) string {
			return fmt.Sprintf(`{"type":"%s","channel":"room:%d"}`, [2]string{"subscribe", "unsubscribe"}[n%2], n/2)
		})
	},
	"connecting and leaving": func(a *attacker) {
		for i := range 8 {
			go a.knock(a.token(i), 75)
		}
	},
	"requests over the rate": func(a *attacker) {
		a.each(100, 200, func(int, int) string { return `{"type":"ping","id":1}` })
	},
	"readers who do not read": func(a *attacker) {
		a.listen(100, 4<<10, func(int) string { return "room:slow" })
		a.each(20, 50, func(int, int) string {
			return `{"type":"publish","channel":"room:slow","data":"` + filler(8<<10) + `"}`
		})
	},
	"messages of 60 KiB": func(a *attacker) {
		a.listen(20, 0, func(int) string { return "room:big" })
		a.each(32, 8, func(int, int) string {
			return `{"type":"publish","channel":"room:big","data":"` + filler(60<<10) + `"}`
		})
	},
}

func filler(n int) string { return strings.Repeat("x", n) }

// attacking is what this process does when it was started to attack, and nothing otherwise. It says when it has begun, attacks until its standard input ends, and says what it did.
func attacking() {
	attack := attacks[os.Getenv(attackWith)]
	if attack == nil {
		return
	}
	a := new(attacker)
	in := json.NewDecoder(os.Stdin)
	if err := in.Decode(&a.orders); err != nil {
		panic(err)
	}
	attack(a)
	a.ready.Wait()
	fmt.Println("ready")
	a.did.Store(0)
	a.refused.Store(0)
	_, _ = io.Copy(io.Discard, os.Stdin)
	fmt.Println(a.did.Load(), a.refused.Load())
	os.Exit(0)
}

func (a *attacker) token(i int) string { return a.Tokens[i%len(a.Tokens)] }

// open connects with a token. buffer is how much the kernel takes for a client that does not read, 0 for as much as it likes.
func (a *attacker) open(token string, buffer int) (c net.Conn, err error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: patience}
	if buffer > 0 {
		d.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer) })
		}
	}
	if c, err = d.Dial("tcp", a.To); err != nil {
		return nil, err
	}
	_ = c.(*net.TCPConn).SetLinger(0) // ports would run out
	fmt.Fprintf(c, "GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", token)
	answer, err := http.ReadResponse(bufio.NewReaderSize(c, 256), nil)
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("%d", answer.StatusCode)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// stay has n clients, each of whom does something with its connection, and comes again when that has ended.
func (a *attacker) stay(n, buffer int, do func(i int, c net.Conn)) {
	a.ready.Add(n)
	for i := range n {
		go func() {
			var once sync.Once
			for {
				c, err := a.open(a.token(i), buffer)
				if err != nil {
					a.refused.Add(1)
					time.Sleep(100 * time.Millisecond)
					continue
				}
				once.Do(a.ready.Done)
				do(i, c)
				c.Close()
			}
		}()
	}
}

// listen has n clients who subscribe. Those with a small buffer do not read.
func (a *attacker) listen(n, buffer int, channel func(i int) string) {
	a.stay(n, buffer, func(i int, c net.Conn) {
		_, _ = c.Write(text(fmt.Sprintf(`{"type":"subscribe","channel":%q}`, channel(i))).bytes())
		if buffer > 0 {
			time.Sleep(time.Hour)
		}
		a.discard(c)
	})
}

// discard reads until the connection ends, and seldom: what its reading costs a core is not what is measured.
func (a *attacker) discard(c net.Conn) {
	b := make([]byte, 128<<10)
	for pause := time.Millisecond; ; {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if pause = min(2*pause, 16*time.Millisecond); n > len(b)/8 {
			pause = time.Millisecond
		}
		time.Sleep(pause)
	}
}

// each has n clients who say something so many times a second.
func (a *attacker) each(n, perSecond int, what func(i, n int) string) {
	a.stay(n, 0, func(i int, c net.Conn) {
		go a.discard(c)
		time.Sleep(time.Duration(mathrand.IntN(1000)) * time.Millisecond / time.Duration(perSecond))
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for n := 0; ; n++ {
			<-tick.C
			if _, err := c.Write(text(what(i, n)).bytes()); err != nil {
				return
			}
			a.did.Add(1)
		}
	})
}

// knock connects and leaves, so many times a second.
func (a *attacker) knock(token string, perSecond int) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	for range tick.C {
		c, err := a.open(token, 0)
		if err != nil {
			a.refused.Add(1)
			continue
		}
		a.did.Add(1)
		c.Close()
	}
}

// attack starts an attacker, and waits until it is at its height. What it returns ends it, and says how much it did in a second, and how often it was refused or did not get in.
func (g *gateway) attack(t *testing.T, name string, by *party, users int) (stop func() (did, refused float64)) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := orders{To: g.address}
	for i := range users {
		o.Tokens = append(o.Tokens, by.token(fmt.Sprint("mallory", i), roles("member")))
	}
	cmd := onCore("1", true, self)
	cmd.Env = append(os.Environ(), attackWith+"="+name)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if err := json.NewEncoder(in).Encode(o); err != nil {
		t.Fatal(err)
	}
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the attacker says %q, %v", line, err)
	}
	begin := time.Now()
	return func() (did, refused float64) {
		seconds := time.Since(begin).Seconds()
		in.Close()
		if _, err := fmt.Fscan(lines, &did, &refused); err != nil {
			t.Errorf("the attacker: %v", err)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return did / seconds, refused / seconds
	}
}
