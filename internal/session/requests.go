package session

import (
	"time"

	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// read gives every message to a pair of hands and waits for them, until the connection ends; it returns why. A close decided on elsewhere
// makes it end too.
func (s *Session) read() error {
	for !s.Ending() {
		op, err := s.socket.Next()
		if err != nil {
			return err
		}
		e := s.host.errands.Get().(*errand)
		e.payload, err = s.socket.Payload(e.payload, s.welcome.MessageSize)
		if err == nil {
			e.session, e.op = s, op
			s.serving.Store(true)
			s.host.hand(e)
			<-e.done
			s.serving.Store(false)
		}
		s.host.putBack(e)
		if err != nil {
			return err
		}
	}
	return nil
}

// message serves what is in one message.
func (s *Session) message(op wire.Opcode, payload []byte) {
	if refuse := s.codec.Decode(op, payload, s.serve); refuse != (wire.Close{}) {
		s.End(refuse, 0)
	}
}

// serve answers one request and reports whether the session goes on.
func (s *Session) serve(r wire.Request, fault *wire.Fault) bool {
	if s.socket.Await(); s.Ending() { // a credential may have ended while the client was waited for
		return false
	}
	now := time.Now()
	s.requests++
	s.host.observer.Received(r.Verb, r.Size)
	if over := s.member.Admit(now, r.Size); over != nil {
		s.answer(&r, over)
		if s.refusals == nil {
			s.refusals = new(refusals)
		}
		if s.refusals.tooMany(now) {
			s.End(wire.ClosedRateLimited, jitter(comeBackSlower))
		}
		return !s.Ending()
	}
	if fault != nil {
		s.answer(&r, fault)
		return !s.Ending()
	}
	s.do(&r, now)
	return !s.Ending()
}

// do calls the hub's verb for a request that may be tried.
func (s *Session) do(r *wire.Request, now time.Time) {
	switch r.Verb {
	case wire.Echo:
		s.answer(r, s.member.Echo(r.Channel, hub.Publication{Data: r.Data, Sealed: r.Sealed}))
	case wire.Publish:
		s.publish(r)
	case wire.Subscribe:
		s.subscribe(r)
	case wire.Unsubscribe:
		s.unsubscribe(r)
	case wire.Presence:
		s.presence(r)
	case wire.History:
		s.history(r)
	case wire.Refresh:
		s.refresh(r)
	case wire.Ping:
		s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Time: now})
	default:
		s.answer(r, &wire.Fault{Code: wire.NotAvailable, Message: string(r.Verb) + " is not available on this gateway"})
	}
}

// unsubscribe answers before anything of the channel can begin again: a service may choose it for the client at the same moment.
func (s *Session) unsubscribe(r *wire.Request) {
	if fault := s.member.End(r.Channel, func() { s.answer(r, nil) }); fault != nil {
		s.answer(r, fault)
	}
}

// answer gives the request its ok, or its error.
func (s *Session) answer(r *wire.Request, fault *wire.Fault) {
	s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Channel: r.Channel, Data: r.Data, Opcode: r.Opcode, Sealed: r.Sealed, Fault: fault})
}

func (s *Session) reply(r *wire.Reply) {
	kind := "ok"
	if r.Fault != nil {
		kind = "error"
		s.host.observer.Refused(r.Verb, r.Fault.Code)
	}
	frame, told := s.codec.AppendReply(nil, r)
	if !told {
		s.endFor(r.Fault.Code)
		return
	}
	if len(frame) > 0 {
		s.send(kind, frame)
	}
}

// endFor ends a connection whose dialect has no word for a fault.
func (s *Session) endFor(c wire.Code) {
	if c == wire.RateLimited {
		s.End(wire.ClosedRateLimited, jitter(comeBackSlower))
		return
	}
	s.End(wire.ProtocolViolation, 0)
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

// comeBackSlower is about when a client that was closed for its rate may come again: a while longer than any bucket takes to fill.
const comeBackSlower = 5 * time.Second

// tooMany counts one refusal and reports whether it is the last that is borne.
func (r *refusals) tooMany(now time.Time) bool {
	oldest := r.at[r.next]
	r.at[r.next] = now
	r.next = (r.next + 1) % len(r.at)
	return !oldest.IsZero() && now.Sub(oldest) < refusalsWithin
}
