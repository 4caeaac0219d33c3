package socket

import (
	"errors"
	"os"
	"time"
)

// While a goodbye is under way what comes is noise, and is thrown away. It is read all the same, since closing the socket with bytes unread would reset the connection and take back the close frame that says why.
const (
	// inFlight bytes are read as fast as they are there: a client has as much under way at most when it hears the goodbye.
	inFlight = 4 << 20
	// Who has sent more than gulp is read every calm where less than that is there, and is not heard in between: so one who sends without end costs little.
	gulp = 4 << 10
	calm = 50 * time.Millisecond
)

// throwaway is Read after a goodbye was due.
func (p *pipe) throwaway(b []byte) (int, error) {
	r := &p.reader
	if n := r.carried(b); n > 0 {
		return n, nil
	}
	if r.noise <= gulp {
		n, err := p.timely(b)
		return r.heard(n), err
	}
	if r.noise > inFlight && p.failure() == nil {
		time.Sleep(calm)
	}
	if r.gulp == nil {
		r.gulp = make([]byte, gulp)
		if p.raw != nil {
			_ = p.raw.Control(deafen)
		}
	}
	for {
		_ = p.Conn.SetReadDeadline(time.Now().Add(calm))
		n, err := p.Conn.Read(r.gulp)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && p.failure() == nil {
			continue
		}
		r.carry = r.gulp[:r.heard(n)]
		return r.carried(b), err
	}
}

// heard counts noise.
func (r *reader) heard(n int) int {
	r.received.Add(uint64(n))
	r.noise += n
	return n
}
