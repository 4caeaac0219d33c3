package doctor

import (
	"bytes"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/message"
)

// history tries the wall of that name: by the verbs, and in the engine, from which they read.
func history(v *visit) {
	ours, theirs, over, ok := v.keepers(v.to.name, acl.Publish, acl.Subscribe, acl.History)
	if !ok {
		return
	}
	defer over()
	v.tried()
	v.stored(ours, theirs)
	marker, fault := v.says(theirs)
	if fault != nil {
		v.unproven("%s: publish on %s was answered %s", theirs.tenant.ID, theirs.name, fault.Code)
		return
	}
	at, ok := v.finds(theirs, marker)
	if !ok {
		return
	}
	before := &message.Position{Offset: at.Offset - 1, Epoch: at.Epoch}
	for how, reading := range map[string]hub.Reading{"": {}, ", backwards,": {Reverse: true}, ", from there,": {Since: before}} {
		v.reads("history"+how, ours.member.History, reading, ours, theirs)
		v.reads("history"+how+" over HTTP", ours.speaker.History, reading, ours, theirs)
	}
	v.continues(ours, theirs, before)
}

// reads lets ours read where theirs has said something.
func (v *visit) reads(verb string, read reader, how hub.Reading, ours, theirs *side) {
	page, fault := read(v.ctx, ours.name, how)
	switch {
	case fault != nil:
		v.unproven("%s: %s of %s was answered %s", ours.tenant.ID, verb, ours.name, fault.Code)
	case len(page.Messages) > 0:
		v.broken("%s: %s of %s has %d messages, where a user of %s alone has said something", ours.tenant.ID, verb, ours.name, len(page.Messages), theirs.tenant.ID)
	}
}

// continues lets ours subscribe from a position of theirs. What is replayed comes before what is said later.
func (v *visit) continues(ours, theirs *side, before *message.Position) {
	var begun hub.Begun
	if fault := ours.member.Subscribe(v.ctx, ours.name, hub.Start{Since: before}, func(b hub.Begun) { begun = b }); fault != nil {
		v.unproven("%s: subscribe to %s, with a position, was answered %s", ours.tenant.ID, ours.name, fault.Code)
		return
	}
	if r := begun.Recovery; r != nil && r.Replayed > 0 {
		v.broken("%s continues on %s with %d messages, where a user of %s alone has said something", ours.tenant.ID, ours.name, r.Replayed, theirs.tenant.ID)
	}
	if marker, ok := v.hearsItself(ours); ok { // what theirs has said is looked at by overhear
		v.finds(ours, marker)
	}
	_ = ours.member.Unsubscribe(ours.name)
}

// finds lets s read the one thing that it said, and returns where that is.
func (v *visit) finds(s *side, marker string) (at message.Position, ok bool) {
	page, fault := s.member.History(v.ctx, s.name, hub.Reading{})
	switch {
	case fault != nil:
		v.unproven("%s: history of %s was answered %s", s.tenant.ID, s.name, fault.Code)
	case len(page.Messages) != 1 || !bytes.Contains(page.Messages[0].Data, []byte(marker)) || page.Messages[0].Position.Offset == 0:
		v.unproven("%s does not find what it published on %s alone: %d messages", s.tenant.ID, s.name, len(page.Messages))
	default:
		return page.Messages[0].Position, true
	}
	return at, false
}

// stored looks into the engine, below all rules and verbs.
func (v *visit) stored(of, other *side) {
	name, err := channel.Parse("doctor:" + word())
	if err != nil {
		v.unproven("%v", err)
		return
	}
	ours, theirs := channel.Ref{Tenant: of.tenant.ID, Name: name}, channel.Ref{Tenant: other.tenant.ID, Name: name}
	forgotten := v.forgets(of, name.String())
	_, err = v.config.Engine.Publish(v.ctx, message.Message{
		Channel: ours, From: message.Sender{User: of.principal.User}, Time: time.Now(), Data: []byte(`"doctor"`),
	}, broker.Keep{Messages: 1, Age: lifetime})
	if err != nil {
		v.unproven("the engine did not keep a message: %v", err)
		return
	}
	if page, _, err := v.config.Engine.Since(v.ctx, ours, message.Position{}, 1); err != nil || len(page) != 1 {
		v.unproven("%s does not find what it published: %d messages, %v", ours.Tenant, len(page), err)
	}
	if page, _, err := v.config.Engine.Since(v.ctx, theirs, message.Position{}, 1); err != nil || len(page) != 0 {
		v.broken("%s finds %d messages of %s on %s, %v", theirs.Tenant, len(page), ours.Tenant, name, err)
	}
	if err := forgotten(); err != nil {
		v.unproven("the engine did not forget a message: %v", err)
	}
}

// purge tries the wall of that name.
func purge(v *visit) {
	ours, theirs, over, ok := v.keepers(v.to.name, acl.Publish, acl.History, acl.Manage)
	if !ok {
		return
	}
	defer over()
	v.tried()
	for _, s := range []*side{ours, theirs} {
		if _, fault := v.says(s); fault != nil {
			v.unproven("%s: publish on %s was answered %s", s.tenant.ID, s.name, fault.Code)
			return
		}
		if v.kept(s) != 1 {
			v.unproven("%s does not keep what was said on %s", s.tenant.ID, s.name)
			return
		}
	}
	if _, fault := ours.speaker.Purge(v.ctx, ours.name); fault != nil {
		v.unproven("%s: purge of %s was answered %s", ours.tenant.ID, ours.name, fault.Code)
		return
	}
	if v.kept(ours) != 0 {
		v.unproven("%s: a purge of %s forgot nothing", ours.tenant.ID, ours.name)
	}
	if n := v.kept(theirs); n != 1 {
		v.broken("%s purged %s, and %s keeps %d messages there, of one", ours.tenant.ID, ours.name, theirs.tenant.ID, n)
	}
}

// kept is how many messages s finds, -1 where it is not told.
func (v *visit) kept(s *side) int {
	page, fault := s.speaker.History(v.ctx, s.name, hub.Reading{})
	if fault != nil {
		v.unproven("%s: history of %s over HTTP was answered %s", s.tenant.ID, s.name, fault.Code)
		return -1
	}
	return len(page.Messages)
}
