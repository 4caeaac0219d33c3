package doctor

import (
	"portcullis/internal/acl"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// backends tries the wall of that name.
func backends(v *visit) {
	leave, ok := v.opens()
	if !ok {
		return
	}
	defer leave()
	v.tried()
	if _, fault := v.saysBy(v.from, v.from.speaker); fault != nil {
		v.unproven("%s: publish on %s over HTTP was answered %s", v.from.tenant.ID, v.from.name, fault.Code)
	}
	v.hearsItself(v.to)
	v.keys()
}

// keys lets both users say two things with one idempotency key. An engine that looks for keys near the channel alone, as the one in memory does, confuses two of them only where the channels of both lie
// together: there a fault is found by a pair or a run in many.
func (v *visit) keys() {
	ours, theirs, over, ok := v.keepers(v.to.name, acl.Publish)
	if !ok {
		return
	}
	defer over()
	key := word()
	say := func(s *side, data string) (broker.Receipt, *wire.Fault) {
		return s.speaker.Publish(v.ctx, s.name, hub.Publication{Data: []byte(data), Key: key})
	}
	if r, fault := say(theirs, "1"); fault != nil || r.Duplicate {
		v.unproven("%s: publish with a key was answered %s", theirs.tenant.ID, code(fault))
		return
	}
	r, fault := say(ours, "2")
	switch {
	case fault != nil && fault.Code == wire.Conflict, r.Duplicate:
		v.broken("an idempotency key of %s on %s counts for %s", theirs.tenant.ID, theirs.name, ours.tenant.ID)
		return
	case fault != nil:
		v.unproven("%s: publish with a key was answered %s", ours.tenant.ID, fault.Code)
		return
	}
	if r, fault := say(ours, "2"); fault != nil || !r.Duplicate {
		v.unproven("%s: a key that was used is none: %s", ours.tenant.ID, code(fault))
	}
}

// channels tries the wall of that name.
func channels(v *visit) {
	leave, ok := v.opens()
	if !ok {
		return
	}
	defer leave()
	name, err := channel.Parse(v.to.name)
	if err != nil {
		v.unproven("%v", err)
		return
	}
	v.tried()
	known := func(s *side) (listed, subscriptions int) {
		d := v.config.Directory
		return len(d.Channels(s.tenant.ID, name.String(), "", mostKept)), d.Subscriptions(channel.Ref{Tenant: s.tenant.ID, Name: name})
	}
	if listed, n := known(v.to); listed != 1 || n != 1 {
		v.unproven("%s has %s %d times, with %d subscriptions: it has one", v.to.tenant.ID, name, listed, n)
	}
	if listed, n := known(v.from); listed > 0 || n > 0 {
		v.broken("%s has %s among its channels, with %d subscriptions, where a user of %s alone is", v.from.tenant.ID, name, n, v.to.tenant.ID)
	}
}
