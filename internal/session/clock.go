package session

import (
	"math/rand/v2"
	"time"

	"portcullis/internal/wire"
)

// One timer serves a session: it asks the client whether it is there, waits for the answer, says that the credential ends soon, and ends the
// session when its credential does, or when it has lived as long as a connection may.

// warnBefore is how long before its credential's end a client is told to refresh it.
const warnBefore = time.Minute

// Whoever is sent away because of its age comes back within rebalanceSpread.
const rebalanceSpread = 5 * time.Second

// clock is a session's times. It is guarded by the session's mu.
type clock struct {
	timer  *time.Timer
	due    time.Time // of the next ping, or of the answer to the one that is out
	awaits bool      // a ping is out
	warned bool      // the client was told that its credential ends soon
	over   bool      // Run does not read any more
}

func (s *Session) startClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock.due = time.Now().Add(s.pingEvery)
	s.clock.timer = time.AfterFunc(time.Until(s.next()), s.tick)
}

func (s *Session) stopClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock.over = true
	s.clock.timer.Stop()
}

// next returns when the clock must strike. The caller holds mu.
func (s *Session) next() time.Time {
	next, expires := s.clock.due, s.Principal().Expires
	if !s.clock.warned {
		expires = expires.Add(-warnBefore)
	}
	if expires.Before(next) {
		next = expires
	}
	if !s.ages.IsZero() && s.ages.Before(next) {
		next = s.ages
	}
	return next
}

func (s *Session) tick() {
	s.mu.Lock()
	due, awaits, warned := s.clock.due, s.clock.awaits, s.clock.warned
	s.mu.Unlock()
	now, expires := time.Now(), s.Principal().Expires
	switch {
	case !now.Before(expires):
		s.End(wire.CredentialExpired, 0)
	case !s.ages.IsZero() && !now.Before(s.ages):
		s.End(wire.Rebalance, time.Second+rand.N(rebalanceSpread))
	case !warned && !now.Before(expires.Add(-warnBefore)):
		s.warn(expires.Sub(now))
	case now.Before(due):
		s.wind(time.Time{}) // it was set for a time that is no more: the credential was refreshed
	case awaits && s.serving.Load():
		s.wind(now.Add(PongBy)) // it is we who do not read: the answer may lie in the socket
	case awaits:
		s.End(wire.PingTimeout, 0)
	case s.dialect.PingsClients():
		s.ping(now)
	default:
		s.wind(now.Add(s.pingEvery)) // for the credential's end alone
	}
}

// wind sets the clock anew, unless the session is over. A zero due leaves the ping's time as it is.
func (s *Session) wind(due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !due.IsZero() {
		s.clock.due = due
	}
	if !s.clock.over && s.clock.timer != nil {
		s.clock.timer.Reset(max(0, time.Until(s.next())))
	}
}

// warn says, once for each credential, that it ends soon.
func (s *Session) warn(in time.Duration) {
	s.mu.Lock()
	s.clock.warned = true
	s.mu.Unlock()
	s.wind(time.Time{})
	s.notice(&wire.Notice{Kind: wire.Expiring, In: in})
}

func (s *Session) ping(now time.Time) {
	s.mu.Lock()
	s.clock.awaits = true
	s.mu.Unlock()
	s.wind(now.Add(PongBy))
	if err := s.socket.Ping(); err != nil {
		s.failed(err)
	}
}

// ponged hears the answer to a ping.
func (s *Session) ponged(rtt time.Duration) {
	s.host.observer.Pong(rtt)
	s.mu.Lock()
	answered := s.clock.awaits
	s.clock.awaits = false
	s.mu.Unlock()
	if answered {
		s.wind(time.Now().Add(s.pingEvery))
	}
}
