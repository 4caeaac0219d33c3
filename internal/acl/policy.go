package acl

import (
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// Policy is all the rules of one tenant, ready to decide. It is made by [Compile] and never changes; it is safe
// for concurrent use. A zero Policy denies everything.
type Policy struct {
	tenant tenant.ID
	tree   node
	manage ending  // the rules about manage, which have no channel
	rules  []*rule // all of them, in the order of the file: decisions do not look here
}

// Basis says what a decision rests on. The set is closed: it is a metric label.
type Basis string

// The bases.
const (
	ExplicitAllow  Basis = "explicit_allow"
	ExplicitDeny   Basis = "explicit_deny"
	NoMatch        Basis = "no_match"        // denied, as no rule says anything
	TenantMismatch Basis = "tenant_mismatch" // denied, as the principal is of another tenant than the policy
	NotGranted     Basis = "not_granted"     // denied, as a rule allows it and the token was narrowed to other things (RFC 9396)
)

// Bases lists every basis, for label sets that are created at zero.
var Bases = []Basis{ExplicitAllow, ExplicitDeny, NoMatch, TenantMismatch, NotGranted}

// Decision is the answer to one question and the reason for it.
type Decision struct {
	Allowed bool
	Rule    string // the name of the rule that decided, empty when none did; for operators, never for clients
	Basis   Basis
}

// Decide says whether pr may do a on the channel called name, which is one of the policy's tenant. Manage is on no channel:
// ask [Policy.DecideManage].
func (p *Policy) Decide(pr *auth.Principal, a Action, name channel.Name) Decision {
	if p.foreign(pr) {
		return Decision{Basis: TenantMismatch}
	}
	q := question{principal: pr, action: a, name: name}
	if !name.IsZero() {
		q.walk(&p.tree, name.String())
	}
	return q.answer()
}

// DecideManage says whether pr may manage the tenant.
func (p *Policy) DecideManage(pr *auth.Principal) Decision {
	if p.foreign(pr) {
		return Decision{Basis: TenantMismatch}
	}
	q := question{principal: pr, action: Manage}
	q.ask(&p.manage)
	return q.answer()
}

func (p *Policy) foreign(pr *auth.Principal) bool {
	return pr.Tenant != p.tenant || p.tenant.IsZero()
}

// question is one decision under way. It lives on the stack of the one who asks.
type question struct {
	principal *auth.Principal
	action    Action
	name      channel.Name
	deny      *rule // the first in the file that denies, of those seen
	allow     *rule // the first in the file that allows, of those seen
}

// ask puts the question to the rules of one pattern, those that deny first: once one does, no other allows.
func (q *question) ask(e *ending) {
	q.deny = e.deny.first(q, q.deny)
	if q.deny == nil {
		q.allow = e.allow.first(q, q.allow)
	}
}

func (q *question) answer() Decision {
	switch {
	case q.deny != nil:
		return Decision{Rule: q.deny.name, Basis: ExplicitDeny}
	case q.allow != nil && q.principal.Grants != nil && !q.principal.Grants.Cover(q.action.String(), q.name):
		return Decision{Basis: NotGranted}
	case q.allow != nil:
		return Decision{Allowed: true, Rule: q.allow.name, Basis: ExplicitAllow}
	}
	return Decision{Basis: NoMatch}
}
