package doctor

import (
	"strconv"

	"portcullis/internal/acl"
	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// presence tries the wall of that name. A name that was left a moment ago still has who left it, so each visit has a new one.
func presence(v *visit) {
	ours, theirs, over, ok := v.keepers(v.elsewhere(), acl.Subscribe, acl.Presence)
	if !ok {
		return
	}
	defer over()
	for _, s := range []*side{ours, theirs} {
		info, _ := strconv.Unquote(s.principal.Info)
		v.spoken = append(v.spoken, utterance{info, s, v.result})
		if fault := s.member.Subscribe(v.ctx, s.name, hub.Start{JoinLeave: true}, func(hub.Begun) {}); fault != nil {
			v.unproven("%s: subscribe to %s and who is there was answered %s", s.tenant.ID, s.name, fault.Code)
			return
		}
		if !s.ear.hears(v.ctx, info, v.patience()) {
			v.unproven("%s: a user did not hear of their own coming to %s", s.tenant.ID, s.name)
			return
		}
	}
	v.tried()
	v.sees(ours, theirs)
	v.sees(theirs, ours)
}

// sees lets s ask who is there, where it is and the other too.
func (v *visit) sees(s, other *side) {
	for verb, ask := range map[string]func(string, func(wire.Attendance)) *wire.Fault{"presence": s.member.Presence, "presence over HTTP": s.speaker.Presence} {
		var there wire.Attendance
		fault := ask(s.name, func(a wire.Attendance) { there = a })
		foreign, own := false, false
		for _, m := range there.Members {
			foreign, own = foreign || m.Info == other.principal.Info, own || m.Info == s.principal.Info
		}
		switch {
		case fault != nil:
			v.unproven("%s: %s of %s was answered %s", s.tenant.ID, verb, s.name, fault.Code)
		case foreign, there.Count > 1:
			v.broken("%s: %s of %s has %d users: one is there, and a user of %s is on its own", s.tenant.ID, verb, s.name, there.Count, other.tenant.ID)
		case !own:
			v.unproven("%s: %s of %s does not have its own user", s.tenant.ID, verb, s.name)
		}
	}
}
