package doctor

import (
	"context"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// publisher is a member, or a speaker.
type publisher interface {
	Publish(ctx context.Context, name string, p hub.Publication) (broker.Receipt, *wire.Fault)
}

// says publishes a new marker for s.
func (v *visit) says(s *side) (marker string, fault *wire.Fault) { return v.saysBy(s, s.member) }

func (v *visit) saysBy(s *side, by publisher) (marker string, fault *wire.Fault) {
	marker = newMarker()
	v.spoken = append(v.spoken, utterance{marker, s, v.result})
	_, fault = by.Publish(v.ctx, s.name, hub.Publication{Data: []byte(`"` + marker + `"`)})
	return marker, fault
}

// published says something that nobody needs to know, and returns the answer.
func published(v *visit, by publisher, name string) *wire.Fault {
	_, fault := by.Publish(v.ctx, name, hub.Publication{Data: []byte("0")})
	return fault
}

// echoed echoes the same, and returns the answer.
func echoed(m Member, name string) *wire.Fault {
	return m.Echo(name, hub.Publication{Data: []byte("0")})
}

// subscribes lets s hear the name of the meeting, and returns what ends that.
func (v *visit) subscribes(s *side) (leave func(), fault *wire.Fault) {
	fault = s.member.Subscribe(v.ctx, s.name, hub.Start{}, func(hub.Begun) {})
	return func() { _ = s.member.Unsubscribe(s.name) }, fault
}

// opens lets the other side hear the name, which every wall of it begins with. ok is false when it may not, which is said.
func (v *visit) opens() (leave func(), ok bool) {
	leave, fault := v.subscribes(v.to)
	if fault != nil {
		v.unproven("%s: subscribe was answered %s", v.to.tenant.ID, fault.Code)
	}
	return leave, fault == nil
}

// patience is how long a message of one's own may take. Where something was found already, the rest of the run is worth more than the wait.
func (v *visit) patience() time.Duration {
	if v.result.Verdict == Held {
		return 2 * time.Second
	}
	return 50 * time.Millisecond
}

// hearsItself lets s publish a marker and wait for it: whatever was on its way before has come, and the silence around it means something.
func (v *visit) hearsItself(s *side) (marker string, ok bool) {
	marker, fault := v.says(s)
	switch {
	case fault != nil:
		v.unproven("%s: publish on %s was answered %s", s.tenant.ID, s.name, fault.Code)
	case !s.ear.hears(v.ctx, marker, v.patience()):
		v.unproven("%s: a user did not hear what they said themselves on %s", s.tenant.ID, s.name)
	default:
		return marker, true
	}
	return marker, false
}

// publish tries the wall of that name. What was heard by whom is looked at by overhear.
func publish(v *visit) {
	leave, ok := v.opens()
	if !ok {
		return
	}
	defer leave()
	v.tried()
	if _, fault := v.says(v.from); fault != nil {
		v.unproven("%s: publish on %s was answered %s", v.from.tenant.ID, v.from.name, fault.Code)
	}
	v.hearsItself(v.to)
}

// echo tries the wall of that name.
func echo(v *visit) {
	leave, ok := v.opens()
	if !ok {
		return
	}
	defer leave()
	v.tried()
	before := v.to.ear.count()
	if fault := echoed(v.from.member, v.from.name); fault != nil {
		v.unproven("%s: echo on %s was answered %s", v.from.tenant.ID, v.from.name, fault.Code)
	}
	if _, ok := v.hearsItself(v.to); ok && v.to.ear.count() != before+1 {
		v.broken("%s heard more than their own when a user of %s echoed on %s", v.to.tenant.ID, v.from.tenant.ID, v.to.name)
	}
}

// subscribe tries the wall of that name.
func subscribe(v *visit) {
	leaveTo, ok := v.opens()
	if !ok {
		return
	}
	defer leaveTo()
	v.tried()
	leave, fault := v.subscribes(v.from)
	if fault != nil {
		v.broken("%s: subscribe to %s, where a user of %s is, was answered %s", v.from.tenant.ID, v.from.name, v.to.tenant.ID, fault.Code)
		return
	}
	_, theirs := v.hearsItself(v.to)
	_, ours := v.hearsItself(v.from)
	leave()
	if !theirs || !ours {
		return
	}
	marker, fault := v.says(v.to)
	if fault != nil {
		v.unproven("%s: publish on %s was answered %s", v.to.tenant.ID, v.to.name, fault.Code)
	} else if !v.to.ear.hears(v.ctx, marker, v.patience()) {
		v.broken("%s hears nothing any more on %s since a user of %s left it", v.to.tenant.ID, v.to.name, v.from.tenant.ID)
	}
}
