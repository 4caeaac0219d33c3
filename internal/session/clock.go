package session

import (
	"time"

	"portcullis/internal/wire"
)

// One timer serves a session: it asks a quiet client whether it is there, waits for the answer, and ends the session when
// its credential does.

func (s *Session) startClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = time.AfterFunc(s.until(s.firstPing()), s.tick)
}

func (s *Session) firstPing() time.Duration {
	if s.dialect.PingsClients() {
		return s.pingEvery
	}
	return time.Until(s.principal.Expires)
}

func (s *Session) stopClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
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
	case awaits:
		s.End(wire.PingTimeout, 0)
	default:
		s.ping()
	}
}

func (s *Session) ping() {
	s.mu.Lock()
	s.awaits = true
	s.clock.Reset(s.until(PongBy))
	s.mu.Unlock()
	if err := s.socket.Ping(); err != nil {
		s.failed(err)
	}
}

// ponged hears the answer to a ping.
func (s *Session) ponged(rtt time.Duration) {
	s.host.observer.Pong(rtt)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.awaits && s.goodbye == nil {
		s.awaits = false
		s.clock.Reset(s.until(s.pingEvery))
	}
}
