package acl

import (
	"fmt"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// Explanation is a decision and how it came about: the rule that decided, and every rule about the same action that did not.
type Explanation struct {
	Decision

	By   *Ground // nil where no rule decided
	Lost []Loss  // in the order of the file
}

// Ground is a rule that decided, and what of it did.
type Ground struct {
	Index   int    // of the rule in the file
	Denies  bool   // what it does to the action
	Path    string // of the pattern that matches, as in "rules[2].channels[0]"; of the rule itself where it is about manage
	Pattern string // empty for manage
	Fits    []Fit
}

// Fit is a part of a rule and the value that the principal has for it.
type Fit struct {
	Path  string // as in "rules[2].for.roles", or that of the pattern for a template
	Part  string // "{user}", "{claim.org}", "for roles", "unless claims"
	Value string
}

// Cause says why a rule did not decide. The set is closed.
type Cause string

// The causes, in the order in which they are looked for.
const (
	OtherChannel Cause = "channel" // none of its patterns matches
	NotFor       Cause = "for"     // the principal does not fit its for
	Spared       Cause = "unless"  // the principal fits its unless
	Overruled    Cause = "deny"    // it allows, and a rule denies
	Later        Cause = "later"   // it says the same as the rule that decided, and stands below it
	Ungranted    Cause = "grant"   // it allows, and the token's own grants do not cover it
)

// Causes lists every cause, in the order in which they are looked for.
var Causes = []Cause{OtherChannel, NotFor, Spared, Overruled, Later, Ungranted}

// Loss is a rule about the action that did not decide, and why.
type Loss struct {
	Index  int
	Rule   string
	Denies bool
	Cause  Cause
	Path   string // of the part that is the cause, as in "rules[2].for.roles"
	Detail string // for an operator: the values, and what they would have to be
}

// Explain decides as [Policy.Decide] does, and says why. It goes through all rules, allocates, and is for people who wait.
func (p *Policy) Explain(pr *auth.Principal, a Action, name channel.Name) *Explanation {
	return p.explain(pr, a, name, p.Decide(pr, a, name))
}

// ExplainManage decides as [Policy.DecideManage] does, and says why.
func (p *Policy) ExplainManage(pr *auth.Principal) *Explanation {
	return p.explain(pr, Manage, channel.Name{}, p.DecideManage(pr))
}

func (p *Policy) explain(pr *auth.Principal, a Action, name channel.Name, d Decision) *Explanation {
	x := &Explanation{Decision: d}
	if d.Basis == TenantMismatch {
		return x
	}
	for _, r := range p.rules {
		if !r.actions.has(a) {
			continue
		}
		path := fmt.Sprintf("rules[%d]", r.order)
		g, loss := r.look(pr, name, path)
		switch {
		case loss != nil:
			x.Lost = append(x.Lost, *loss)
		case d.Rule == r.name && d.Basis != NotGranted:
			x.By = g
		default:
			x.Lost = append(x.Lost, r.behind(d, path))
		}
	}
	return x
}

// look says what of r fits, or the first thing that does not.
func (r *rule) look(pr *auth.Principal, name channel.Name, path string) (*Ground, *Loss) {
	g := &Ground{Index: r.order, Denies: r.denies, Path: path}
	lose := func(c Cause, path, detail string) (*Ground, *Loss) {
		return nil, &Loss{r.order, r.name, r.denies, c, path, detail}
	}
	if len(r.channels) > 0 {
		if path, detail := g.match(r, pr, name); detail != "" {
			return lose(OtherChannel, path, detail)
		}
	}
	if r.only != nil {
		for _, part := range r.only.parts(pr) {
			if part.value == "" {
				return lose(NotFor, path+".for."+part.key, part.detail)
			}
			g.Fits = append(g.Fits, Fit{path + ".for." + part.key, "for " + part.key, part.value})
		}
	}
	if r.except != nil {
		parts := r.except.parts(pr)
		for _, part := range parts {
			if part.value == "" { // of the first part that spares nobody, the rule may be sure
				g.Fits = append(g.Fits, Fit{path + ".unless." + part.key, "unless " + part.key, "spares nobody here: " + part.detail})
				return g, nil
			}
		}
		return lose(Spared, path+".unless."+parts[0].key, "spares the user: "+listing(parts))
	}
	return g, nil
}

// behind says why r, of which everything fits, is not the rule that decided.
func (r *rule) behind(d Decision, path string) Loss {
	l := Loss{r.order, r.name, r.denies, Later, path, fmt.Sprintf("comes later than rule %q, which decides the same", d.Rule)}
	switch {
	case d.Basis == NotGranted:
		l.Cause, l.Detail = Ungranted, "allows it, and the token's authorization_details do not cover it"
	case d.Basis == ExplicitDeny && !r.denies:
		l.Cause, l.Detail = Overruled, fmt.Sprintf("allows it, and rule %q denies it; deny wins", d.Rule)
	}
	return l
}
