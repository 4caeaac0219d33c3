package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/limit"
	"portcullis/internal/socket"
	"portcullis/internal/wire"
)

// End says goodbye for a reason of the gateway's. It returns at once; the first reason counts. Run returns when the client has answered, or
// has had its time to.
func (s *Session) End(reason wire.Close, retry time.Duration) { s.end(reason, 0, retry) }

// EndOver says goodbye because of a limit of the tenant or of the node, which the close frame has no word for: the report names it.
func (s *Session) EndOver(reason wire.Close, q limit.Quota) { s.end(reason, q, 0) }

func (s *Session) end(reason wire.Close, over limit.Quota, retry time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reason.EndsRight() { // also of whoever is being sent away for another reason, and still hears
		s.mute.Store(true)
	}
	if s.goodbye != nil {
		return
	}
	bye := &goodbye{reason: reason, over: over, said: make(chan struct{})}
	s.goodbye = bye
	go func() { // leave waits for it
		defer close(bye.said)
		s.socket.Close(reason, retry)
	}()
}

// Cut closes the socket without a word, for a process that has no more time. Run then returns.
func (s *Session) Cut() { s.socket.CloseNow() }

// Ending reports whether the connection has ended or is about to: nothing that is asked for it would come to pass.
func (s *Session) Ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.goodbye != nil
}

// failed ends a session whose socket took no frame.
func (s *Session) failed(err error) {
	if errors.Is(err, socket.ErrFull) {
		s.End(wire.SlowConsumer, 0)
	}
	// Every other error closed the socket: the reading goroutine hears of it.
}

// Initiator says who ended a connection. The set is closed: it is a metric label.
type Initiator string

// The initiators.
const (
	Server  Initiator = "server"
	Client  Initiator = "client"
	Network Initiator = "network"
)

// Reasons of the other two; the server's are the names of [wire.Closes].
const (
	ClientNormal = "client_normal" // codes 1000, 1001 and none
	ClientOther  = "client_other"
	NetworkLost  = "lost"  // the connection ended without a close frame
	NetworkStuck = "stuck" // the client did not read for so long that a frame had to be cut
)

// Report is what is left of a session.
type Report struct {
	Connection, Remote string
	Principal          *auth.Principal
	Initiator          Initiator
	Reason             string
	Over               limit.Quota // because of which it ended; 0 for none
	Code               int         // of the close frame, 0 where there was none
	Duration           time.Duration
	Requests           uint64
	Delivered          uint64
	BytesIn, BytesOut  uint64
}

// Slow reports whether the connection ended because the client did not read as fast as its channels spoke.
func (r *Report) Slow() bool { return r.Reason == wire.SlowConsumer.Name || r.Reason == NetworkStuck }

// leave closes the socket, whoever wanted it, and says who that was.
func (s *Session) leave(err error) Report {
	if reason, ours := closing(err); ours {
		s.End(reason, 0)
	}
	s.mu.Lock()
	bye := s.goodbye
	if bye == nil {
		s.goodbye = new(goodbye) // nobody needs to say anything any more
	}
	s.mu.Unlock()
	if bye == nil {
		s.socket.CloseNow()
		return ended(err)
	}
	<-bye.said
	return Report{Initiator: Server, Reason: bye.reason.Name, Over: bye.over, Code: bye.reason.Status}
}

// closing is the one table from what went wrong in reading to the close that answers it.
func closing(err error) (reason wire.Close, ours bool) {
	for _, row := range []struct {
		err    error
		reason wire.Close
	}{
		{socket.ErrTooBig, wire.MessageTooBig},
		{socket.ErrUTF8, wire.InvalidUTF8},
		{socket.ErrFlood, wire.ProtocolViolation},
		{socket.ErrFrames, wire.ProtocolError},
		{socket.ErrUnfinished, wire.PingTimeout},
	} {
		if errors.Is(err, row.err) {
			return row.reason, true
		}
	}
	return wire.Close{}, false
}

// ended describes an end that the gateway did not decide on.
func ended(err error) Report {
	switch code := socket.ClientClosed(err); {
	case code == 1000, code == 1001, code == 1005:
		return Report{Initiator: Client, Reason: ClientNormal, Code: code}
	case code > 0:
		return Report{Initiator: Client, Reason: ClientOther, Code: code}
	case errors.Is(err, socket.ErrStuck):
		return Report{Initiator: Network, Reason: NetworkStuck}
	}
	return Report{Initiator: Network, Reason: NetworkLost}
}

// report writes the session's one line and counts it.
func (s *Session) report(r Report) {
	p := s.Principal()
	r.Connection, r.Remote, r.Principal = s.id, s.remote, p
	r.Duration = time.Since(s.opened)
	r.Requests, r.Delivered = s.requests, s.delivered.Load()
	r.BytesIn, r.BytesOut = s.socket.Traffic()
	if r.Slow() {
		s.member.Counts().Slow()
	}
	s.host.observer.Closed(&r)
	said := []slog.Attr{
		slog.String("event", "connection.closed"),
		slog.String("connection", s.id),
		slog.String("tenant", p.Tenant.String()),
		slog.String("user", p.User),
		slog.String("method", string(p.Method)),
		slog.String("protocol", s.dialect.Subprotocol()),
		slog.String("remote", s.remote),
		slog.String("initiator", string(r.Initiator)),
		slog.String("reason", r.Reason),
		slog.Int("code", r.Code),
		slog.Int64("duration_ms", r.Duration.Milliseconds()),
		slog.Uint64("requests", r.Requests),
		slog.Uint64("delivered", r.Delivered),
		slog.Uint64("bytes_in", r.BytesIn),
		slog.Uint64("bytes_out", r.BytesOut),
	}
	if r.Over != 0 {
		said = append(said, slog.String("limit", r.Over.String()))
	}
	s.host.log.LogAttrs(context.Background(), slog.LevelInfo, "connection ended", said...)
}
