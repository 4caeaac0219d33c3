package realm

import (
	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// Decide says whether p may do a on a channel of this tenant. Every decision that takes effect, of whichever listener, is made here and by DecideManage.
func (t *Tenant) Decide(p *auth.Principal, a acl.Action, name channel.Name) acl.Decision {
	return t.Policy.Decide(p, a, name)
}

// DecideManage says whether p may manage this tenant.
func (t *Tenant) DecideManage(p *auth.Principal) acl.Decision {
	return t.Policy.DecideManage(p)
}
