package doctor

import (
	"context"
	"slices"
	"strconv"

	"portcullis/internal/acl"
	"portcullis/internal/channel"
	"portcullis/internal/realm"
)

// keepers are both users of a meeting once more, on one name, where it keeps history and lists who is there. Each goes by its tenant's running rules where these let it do all that is needed, and else by rules of the
// doctor's own. over lets both leave, and forgets what they said. ok is false where they could not come, which is said.
func (v *visit) keepers(name string, needs ...acl.Action) (ours, theirs *side, over func(), ok bool) {
	var both [2]*side
	for i, s := range []*side{v.from, v.to} {
		k, err := v.keeper(s, name, needs)
		if err != nil {
			v.unproven("%s: %v", s.running.ID, err)
			return nil, nil, nil, false
		}
		both[i] = k
	}
	forgotten := [2]func() error{v.forgets(both[0], name), v.forgets(both[1], name)}
	return both[0], both[1], func() {
		for i, s := range both {
			s.member.Leave()
			if err := forgotten[i](); err != nil {
				v.unproven("%s: what was said on %s could not be forgotten: %v", s.tenant.ID, name, err)
			}
		}
	}, true
}

// mostKept is how many messages a keeper's channel has, and how many of its users are listed: more than the doctor ever puts there.
const mostKept = 16

func (v *visit) keeper(of *side, name string, needs []acl.Action) (*side, error) {
	n, err := channel.Parse(name)
	if err != nil {
		return nil, err
	}
	all, err := channel.ParsePattern("**")
	if err != nil {
		return nil, err
	}
	t, err := of.letting(n, needs)
	if err != nil {
		return nil, err
	}
	t.Channels = channel.NewSettings([]channel.Matched{{
		Pattern: all, Setting: channel.Setting{History: channel.History{Messages: mostKept, Age: lifetime}, Presence: mostKept},
	}})
	p := *of.principal
	p.Info = strconv.Quote(newMarker()) // what tells the two apart: they have the same names
	s := &side{running: of.running, tenant: t, principal: &p, name: name}
	return s, v.join(s, p.User)
}

// letting returns the side's tenant with its running rules, where these let its user do all of that, and else with the doctor's.
func (s *side) letting(name channel.Name, needs []acl.Action) (*realm.Tenant, error) {
	running := under(s.running)
	if slices.ContainsFunc(needs, func(a acl.Action) bool {
		if a == acl.Manage {
			return !running.DecideManage(s.principal).Allowed
		}
		return !running.Decide(s.principal, a, name).Allowed
	}) {
		return open(s.running.ID)
	}
	return running, nil
}

// forgets returns what takes a channel's history back.
func (r *run) forgets(s *side, name string) (now func() error) {
	return r.later(func(ctx context.Context) error {
		n, err := channel.Parse(name)
		if err != nil {
			return err
		}
		_, err = r.config.Engine.Purge(ctx, channel.Ref{Tenant: s.tenant.ID, Name: n})
		return err
	})
}
