package doctor

import (
	"context"

	"portcullis/internal/channel"
	"portcullis/internal/wire"
)

// mostLive is how many visits look at those who are connected, and mostShown at how many of them.
const (
	mostLive  = 8
	mostShown = 16
)

// manage tries the wall of that name: on those who are connected by looking alone, and in a rehearsal by everything that a backend may do.
func manage(v *visit) {
	v.connected()
	name, err := channel.Parse(v.to.name)
	if err != nil {
		v.unproven("%v", err)
		return
	}
	stage := v.config.Rehearse()
	closed := v.later(func(context.Context) error { stage.Close(); return nil })
	defer func() { _ = closed() }()
	leave, ok := v.enters(stage, v.to)
	if !ok {
		return
	}
	of, id, user := v.to.tenant.ID, v.to.connection(), v.to.principal.User
	if fault := stage.Subscribe(v.ctx, of, id, name); fault != nil {
		v.unproven("%s: a backend's subscribe of its user to %s was answered %s", of, name, fault.Code)
	}
	v.tried()
	ours := v.from.tenant.ID
	for verb, done := range map[string]bool{
		"lists":               len(stage.List(ours)) > 0,
		"is shown":            stage.Show(ours, id),
		"unsubscribes":        stage.Unsubscribe(ours, id, name),
		"subscribes":          code(stage.Subscribe(v.ctx, ours, id, name)) != string(wire.NotFound),
		"disconnects":         stage.Disconnect(ours, id),
		"disconnects by name": stage.DisconnectUser(ours, user) > 0,
	} {
		if done {
			v.broken("%s %s a connection of %s", ours, verb, of)
		}
	}
	v.sendsAway(stage, "its id", func() bool { return stage.Disconnect(ours, id) })
	v.sendsAway(stage, "its user", func() bool { return stage.DisconnectUser(ours, user) == 1 })
	if len(stage.List(of)) != 1 || !stage.Show(of, id) || !stage.Unsubscribe(of, id, name) {
		v.unproven("%s: a connection of its own is not there, or not as it was", of)
	}
	if leave() {
		v.broken("%s ended its own connection %s, and that of %s ended too", ours, id, of)
	}
}

// connected lets one tenant look for the connections of the other, on the node itself.
func (v *visit) connected() {
	if v.number > mostLive {
		return
	}
	theirs := v.config.Connections.List(v.to.running.ID)
	for _, id := range theirs[:min(len(theirs), mostShown)] {
		v.tried()
		if v.config.Connections.Show(v.from.running.ID, id) {
			v.broken("%s is shown a connection of %s, of those on this node", v.from.running.ID, v.to.running.ID)
		}
	}
}

// enters makes a connection of s.
func (v *visit) enters(stage Rehearsal, s *side) (leave func() (dismissed bool), ok bool) {
	place, full := s.tenant.Account.Enter(s.principal.User)
	if place == nil {
		v.unproven("%s: an account without limits is full: %v", s.tenant.ID, full)
		return nil, false
	}
	if leave, ok = stage.Enter(s.tenant, s.principal, place, s.connection()); !ok {
		v.unproven("%s: a connection could not be made", s.tenant.ID)
	}
	return leave, ok
}

// sendsAway lets a tenant end a connection of its own, which has the id and the user of the other tenant's.
func (v *visit) sendsAway(stage Rehearsal, by string, end func() bool) {
	leave, ok := v.enters(stage, v.from)
	if !ok {
		return
	}
	ended := end()
	if dismissed := leave(); !ended || !dismissed {
		v.unproven("%s could not end a connection of its own by %s", v.from.tenant.ID, by)
	}
}
