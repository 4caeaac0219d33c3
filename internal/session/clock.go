package session

import (
	"time"

	"portcullis/internal/wire"
)

// One timer serves a session: it asks the client whether it is there, waits for the answer, and ends the session when
// its credential does.

func (s *Session) startClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = time.AfterFunc(s.until(s.pingEvery), s.tick)
}

func (s *Session) stopClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.clock.Stop()
}

// until is wait, or less where the credential ends before.
func (s *Session) until(wait time.Duration) time.Duration {
	return max(0, min(wait, time.Until(s.principal.Expires)))
}

func (s *Session) tick() {
	s.mu.Lock()
	awaits := s.awaits
	s.mu.Unlock()
	switch {
	case !time.Now().Before(s.principal.Expires):
		s.End(wire.CredentialExpired, 0)
	case awaits && s.serving.Load():
		s.wait(PongBy) // it is we who do not read: the answer may lie in the socket
	case awaits:
		s.End(wire.PingTimeout, 0)
	case s.dialect.PingsClients():
		s.ping()
	default:
		s.wait(s.pingEvery) // for the credential's end alone
	}
}

// wait sets the clock anew, unless the session is over.
func (s *Session) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.clock.Reset(s.until(d))
	}
}

func (s *Session) ping() {
	s.mu.Lock()
	s.awaits = true
	s.mu.Unlock()
	s.wait(PongBy)
	if err := s.socket.Ping(); err != nil {
		s.failed(err)
	}
}

// ponged hears the answer to a ping.
func (s *Session) ponged(rtt time.Duration) {
	s.host.observer.Pong(rtt)
	s.mu.Lock()
	answered := s.awaits
	s.awaits = false
	s.mu.Unlock()
	if answered {
		s.wait(s.pingEvery)
	}
}
