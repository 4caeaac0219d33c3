package limit

import (
	"net"
	"runtime"
	"time"
)

// door is the listener of a lobby.
type door struct {
	net.Listener
	lobby *Lobby

	breathed time.Time // when the kernel was asked last; owned by the goroutine that accepts
}

// Accept returns the next connection that has a place. It takes none yet, because only the server is sure to tell of its end.
func (d *door) Accept() (net.Conn, error) {
	for {
		asked := time.Now()
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.breathe(asked)
		loser, why := d.lobby.place(c, time.Now())
		if why != "" {
			d.lobby.observer.TurnedAway(why)
			reset(loser)
		}
		if loser != c {
			return c, nil
		}
	}
}

// Whoever accepts without end lets others go first: until those who wait for a core wait for less than lag, but no longer than breath, and with a pause after each burst, in which the
// runtime asks the kernel who else has something to read; it does so only when there is nothing to run, and every 10 ms in any case. So what a flood sends waits with the
// kernel, where it costs nobody anything, and not among the goroutines in front of the clients who are in.
const (
	lag    = 300 * time.Microsecond
	burst  = 500 * time.Microsecond
	pause  = 50 * time.Microsecond
	breath = 10 * time.Millisecond
)

func (d *door) breathe(asked time.Time) {
	begin := time.Now()
	if begin.Sub(asked) >= burst { // there was nobody, until the kernel told of this one
		d.breathed = begin
	}
	for {
		waited := yield()
		if time.Since(d.breathed) >= burst {
			time.Sleep(pause) // nobody is ready, so that the kernel is asked
			d.breathed = time.Now()
			waited = yield()
		}
		if waited < lag || time.Since(begin) >= breath {
			return
		}
	}
}

// yield lets everybody run who is ready, and says how long that took.
func yield() time.Duration {
	begin := time.Now()
	runtime.Gosched()
	return time.Since(begin)
}
