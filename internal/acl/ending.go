package acl

import "portcullis/internal/auth"

// rule is a compiled [Rule]. Every pattern of it shares the one rule.
type rule struct {
	name    string
	order   int // its place in the file
	actions actions
	denies  bool
	only    *condition // nil is everybody
	except  *condition // nil is nobody

	channels []string // as they were written: [Policy.Explain] reads them again
}

func (r *rule) concerns(pr *auth.Principal) bool {
	return (r.only == nil || r.only.matches(pr)) && (r.except == nil || !r.except.matches(pr))
}

// ending is where patterns end: the rules that have this pattern.
type ending struct{ deny, allow rules }

// rules are those of one effect at one ending. Every list is in the order of the file.
type rules struct {
	open  []*rule // looked at for everybody
	found *index  // looked up; nil where the rules are few, as looking at each is faster then
}

// index finds rules by what a principal has. A rule is in one of its maps, under each text that it lists there.
type index struct {
	users, roles, scopes map[string][]*rule
	claims               map[auth.Claim][]*rule
}

// few is how many rules are looked at one after the other before an index pays, as measured for principals of 1 to 10 roles.
const few = 2

// sort moves the rules that are for certain principals out of the open list, when there are more than a few.
func (l *rules) sort() {
	if len(l.open) <= few {
		return
	}
	l.found = &index{map[string][]*rule{}, map[string][]*rule{}, map[string][]*rule{}, map[auth.Claim][]*rule{}}
	all := l.open
	l.open = nil
	for _, r := range all {
		if !l.found.file(r) {
			l.open = append(l.open, r)
		}
	}
}

// file takes r in, or reports that r names nothing to find it by.
func (x *index) file(r *rule) bool {
	under := func(m map[string][]*rule, list texts) bool {
		for _, text := range list.list {
			m[text] = append(m[text], r)
		}
		return len(list.list) > 0
	}
	c := r.only
	if c == nil {
		return false
	}
	if under(x.users, c.users) || under(x.roles, c.roles) || under(x.scopes, c.scopes) {
		return true
	}
	if len(c.claims) == 0 {
		return false
	}
	x.claims[c.claims[0]] = append(x.claims[c.claims[0]], r)
	return true
}

// first returns the first rule that decides q, in the order of the file, or best when that comes before it.
func (l *rules) first(q *question, best *rule) *rule {
	best = q.earliest(l.open, best)
	if l.found == nil {
		return best
	}
	best = q.earliest(l.found.users[q.principal.User], best)
	best = q.earliestOf(l.found.roles, q.principal.Roles, best)
	best = q.earliestOf(l.found.scopes, q.principal.Scopes, best)
	if len(l.found.claims) > 0 {
		for _, claim := range q.principal.Claims {
			best = q.earliest(l.found.claims[claim], best)
		}
	}
	return best
}

func (q *question) earliestOf(m map[string][]*rule, texts []string, best *rule) *rule {
	if len(m) == 0 {
		return best
	}
	for _, text := range texts {
		best = q.earliest(m[text], best)
	}
	return best
}

func (q *question) earliest(list []*rule, best *rule) *rule {
	for _, r := range list {
		if best != nil && r.order >= best.order {
			return best
		}
		if r.actions.has(q.action) && r.concerns(q.principal) {
			return r
		}
	}
	return best
}
