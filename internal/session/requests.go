package session

import (
	"runtime/debug"
	"sync"
	"time"

	"portcullis/internal/wire"
)

// buffers hold the payload of the message that is being read. A quiet connection has none.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// keepBuffer is the largest buffer that is worth keeping.
const keepBuffer = 64 << 10

// readSafely keeps a mistake of ours in one connection: it ends that one, loudly, and nobody else's.
func (s *Session) readSafely() (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.host.Log.Error("session panicked", "event", "session.panic", "connection", s.id, "panic", p, "stack", string(debug.Stack()))
			s.End(wire.ClosedInternal, 0)
		}
	}()
	return s.read()
}

// read serves messages until the connection ends, and returns why. A close decided on elsewhere makes it end too.
func (s *Session) read() error {
	for {
		op, err := s.socket.Next()
		if err != nil {
			return err
		}
		if err := s.message(op); err != nil || s.ending() {
			return err
		}
	}
}

func (s *Session) message(op wire.Opcode) error {
	buf := buffers.Get().(*[]byte)
	payload, err := s.socket.Payload(*buf, s.welcome.MessageSize)
	if err != nil {
		buffers.Put(buf)
		return err
	}
	if refuse := s.codec.Decode(op, payload, s.serve); refuse != (wire.Close{}) {
		s.End(refuse, 0)
	}
	if cap(payload) <= keepBuffer {
		*buf = payload[:0]
	}
	buffers.Put(buf)
	return nil
}

// serve answers one request and reports whether the session goes on.
func (s *Session) serve(r wire.Request, fault *wire.Fault) bool {
	now := time.Now()
	s.requests++
	s.host.Observer.Received(r.Verb, r.Size)
	if over := s.member.Admit(now, r.Size); over != nil {
		s.answer(&r, over)
		if s.refusals == nil {
			s.refusals = new(refusals)
		}
		if s.refusals.tooMany(now) {
			s.End(wire.ClosedRateLimited, over.Retry)
		}
		return !s.ending()
	}
	if fault == nil && r.Wants != "" {
		fault = &wire.Fault{Code: wire.NotAvailable, Message: r.Wants + " is not available on this channel"}
	}
	if fault != nil {
		s.answer(&r, fault)
		return !s.ending()
	}
	s.do(&r, now)
	return !s.ending()
}

// do calls the hub's verb for a request that may be tried.
func (s *Session) do(r *wire.Request, now time.Time) {
	switch r.Verb {
	case wire.Echo:
		s.answer(r, s.member.Echo(r.Channel))
	case wire.Publish:
		s.answer(r, s.member.Publish(s.host.Context, r.Channel, r.Data))
	case wire.Subscribe:
		s.subscribe(r)
	case wire.Unsubscribe:
		s.answer(r, s.member.Unsubscribe(r.Channel))
	case wire.Ping:
		s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Time: now})
	default:
		s.answer(r, &wire.Fault{Code: wire.NotAvailable, Message: string(r.Verb) + " is not available on this gateway"})
	}
}

// subscribe answers before the first message can arrive. No channel keeps history: whoever wants to continue is told so.
func (s *Session) subscribe(r *wire.Request) {
	ok := wire.Reply{Verb: r.Verb, ID: r.ID, Channel: r.Channel}
	if r.Since != nil {
		if r.Strict {
			s.answer(r, &wire.Fault{Code: wire.Unrecoverable, Message: "this channel keeps no history"})
			return
		}
		ok.Recovery = &wire.Recovery{Reason: "no_history"}
	}
	if fault := s.member.Subscribe(r.Channel, func() { s.reply(&ok) }); fault != nil {
		s.answer(r, fault)
	}
}

// answer gives the request its ok, or its error.
func (s *Session) answer(r *wire.Request, fault *wire.Fault) {
	s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Channel: r.Channel, Data: r.Data, Opcode: r.Opcode, Fault: fault})
}

func (s *Session) reply(r *wire.Reply) {
	kind := "ok"
	if r.Fault != nil {
		kind = "error"
		s.host.Observer.Refused(r.Verb, r.Fault.Code)
	}
	frame, told := s.codec.AppendReply(nil, r)
	if !told {
		s.End(closeFor(r.Fault.Code), r.Fault.Retry)
		return
	}
	if len(frame) > 0 {
		s.send(kind, frame)
	}
}

// closeFor is the end of a connection whose dialect has no word for a fault.
func closeFor(c wire.Code) wire.Close {
	if c == wire.RateLimited {
		return wire.ClosedRateLimited
	}
	return wire.ProtocolViolation
}

// refusals remembers when the last requests were over a limit.
type refusals struct {
	at   [refusalsMost - 1]time.Time
	next int
}

// So many refusals within refusalsWithin end a connection that does not slow down.
const (
	refusalsMost   = 10
	refusalsWithin = 10 * time.Second
)

// tooMany counts one refusal and reports whether it is the last that is borne.
func (r *refusals) tooMany(now time.Time) bool {
	oldest := r.at[r.next]
	r.at[r.next] = now
	r.next = (r.next + 1) % len(r.at)
	return !oldest.IsZero() && now.Sub(oldest) < refusalsWithin
}
