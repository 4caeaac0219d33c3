package session

import (
	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// publish answers when the engine has the message.
func (s *Session) publish(r *wire.Request) {
	receipt, fault := s.member.Publish(s.host.context, r.Channel, hub.Publication{Data: r.Data, Binary: r.Binary, Sealed: r.Sealed, Key: r.Key})
	s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Channel: r.Channel, Position: receipt.Position, Duplicate: receipt.Duplicate, Fault: fault})
}

// subscribe answers before the first message can arrive, and before anything of the channel can begin that others choose for the client.
func (s *Session) subscribe(r *wire.Request) {
	how := hub.Start{Since: r.Since, Strict: r.Strict, Mute: r.Mute, JoinLeave: r.JoinLeave, Refused: func(fault *wire.Fault) { s.answer(r, fault) }}
	_ = s.member.Subscribe(s.host.context, r.Channel, how, func(b hub.Begun) {
		s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Channel: r.Channel, Position: b.Position, Recovery: b.Recovery})
	})
}

// history answers with a page. It fits into the outbox, because the session waited until half of that was free.
func (s *Session) history(r *wire.Request) {
	ok := wire.Reply{Verb: r.Verb, ID: r.ID, Channel: r.Channel}
	read, fault := s.member.History(s.host.context, r.Channel, hub.Reading{Since: r.Since, Limit: r.Limit, Reverse: r.Reverse, Strict: r.Strict})
	if ok.Fault = fault; fault == nil {
		ok.Page, ok.Position, ok.Recovery = &read.Page, read.Position, read.Recovery
	}
	s.reply(&ok)
}

// presence answers before what happens next on the channel is told.
func (s *Session) presence(r *wire.Request) {
	fault := s.member.Presence(r.Channel, func(a wire.Attendance) {
		s.reply(&wire.Reply{Verb: r.Verb, ID: r.ID, Channel: r.Channel, Presence: &a})
	})
	if fault != nil {
		s.answer(r, fault)
	}
}
