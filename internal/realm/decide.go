package realm

import (
	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// Decide says whether p may do a on a channel of this tenant. Every decision that takes effect, of whichever listener, is made here and by DecideManage.
func (t *Tenant) Decide(p *auth.Principal, a acl.Action, name channel.Name) acl.Decision {
	if t.candidate == nil {
		return t.Policy.Decide(p, a, name)
	}
	d := t.Policy.Decide(p, a, name)
	t.candidate.compare(p, a, name, d, t.candidate.policy.Decide(p, a, name))
	return d
}

// DecideManage says whether p may manage this tenant.
func (t *Tenant) DecideManage(p *auth.Principal) acl.Decision {
	d := t.Policy.DecideManage(p)
	if t.candidate != nil {
		t.candidate.compare(p, acl.Manage, channel.Name{}, d, t.candidate.policy.DecideManage(p))
	}
	return d
}
