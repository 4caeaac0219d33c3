package doctor

import (
	"portcullis/internal/acl"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// rules tries the wall of that name. It asks the running rules, whichever the users of the meeting have met.
func rules(v *visit) {
	name, err := channel.Parse(v.to.name)
	if err != nil {
		v.unproven("%v", err)
		return
	}
	running := under(v.to.running)
	for _, a := range acl.Actions {
		ask := func(s *side) acl.Decision {
			if a == acl.Manage {
				return running.DecideManage(s.principal)
			}
			return running.Decide(s.principal, a, name)
		}
		v.tried()
		if d := ask(v.from); d.Allowed || d.Basis != acl.TenantMismatch {
			v.broken("the rules of %s answer a user of %s, who asks for %s, with %s", running.ID, v.from.running.ID, a, d.Basis)
		}
		if d := ask(v.to); d.Basis == acl.TenantMismatch {
			v.broken("the rules of %s take its own user, who asks for %s, for another tenant's", running.ID, a)
		}
	}
}

// names tries the wall of that name: $ opens names that the gateway keeps for itself, and nothing in a name chooses a tenant.
func names(v *visit) {
	id := v.to.running.ID.String()
	for _, name := range []string{"$" + v.to.name, "$" + id + ":" + v.to.name, "/" + id + "/" + v.to.name, id + "/" + v.to.name, v.to.name + ":*", v.to.name + "\x00" + id, ""} {
		m := v.from.member
		for verb, fault := range map[string]*wire.Fault{
			"echo":      echoed(m, name),
			"publish":   published(v, m, name),
			"subscribe": m.Subscribe(v.ctx, name, hub.Start{}, func(hub.Begun) {}),
		} {
			v.tried()
			if fault == nil || fault.Code != wire.BadChannel {
				v.broken("%s on %q of a user of %s was answered %s", verb, name, v.from.tenant.ID, code(fault))
			}
		}
	}
}

func code(f *wire.Fault) string {
	if f == nil {
		return "ok"
	}
	return string(f.Code)
}
