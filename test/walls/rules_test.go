package walls_test

import (
	"fmt"
	"slices"
	"strings"
)

// rule is a rule as an operator writes it.
type rule struct {
	name     string
	deny     bool
	actions  []string
	channels []string
	roles    []string // for; nil is everybody
	unless   []string // roles
	users    []string // for
	team     string   // for; empty is any
}

// who is somebody as the rules see them.
type who struct {
	user  string
	roles []string
	teams []string // the claim
}

// channel is one of few names, which many share, or somebody's own, as it is spelled or as it would be without encoding, or any.
func (w *world) channel(p *party) string {
	switch n := w.chance.IntN(16); {
	case n < 8:
		return pick(w, []string{"room:a", "room:a", "a", "room:ana", "ops:b", "room:a:b"})
	case n < 10:
		whose := append([]string{"a", "b", "ana", "%2A", "%252A", "a:b", "ana:inbox", "%7Buser%7D", full}, p.users...)
		return "user:" + plainly(pick(w, whose)) + ":" + pick(w, []string{"inbox", "x"})
	case n < 12:
		return "user:" + plainly(spelled(pick(w, p.users))) + ":" + pick(w, []string{"inbox", "x"})
	case n < 13:
		return "team:" + spelled(pick(w, teams)) + ":news"
	case n < 14:
		return "t:" + pick(w, []string{p.id, plain, "nobody"}) + ":x"
	}
	name := make([]string, 1+w.chance.IntN(3))
	for i := range name {
		name[i] = pick(w, segments)
	}
	return strings.Join(name, ":")
}

// pattern is a name some of whose segments may be others.
func (w *world) pattern(p *party) string {
	parts := strings.Split(w.channel(p), ":")
	for i := range parts {
		switch w.chance.IntN(12) {
		case 0, 1, 2, 3:
			parts[i] = "*"
		case 4, 5:
			parts[i] = "{user}"
		case 6:
			parts[i] = pick(w, []string{"{claim.team}", "{tenant}"})
		}
	}
	if w.chance.IntN(3) == 0 {
		parts[len(parts)-1] = "**"
	}
	return strings.Join(parts, ":")
}

func (w *world) rules(p *party) []rule {
	all := []rule{
		{name: "managers", actions: []string{"manage"}, roles: []string{"boss"}},
		{name: "wide", actions: verbs, channels: []string{pick(w, []string{"**", "room:**", "*:*"})}},
	}
	own := []rule{
		{name: "one's own", actions: []string{"subscribe", "history", "presence"}, channels: []string{"user:{user}:**"}},
		{name: "inboxes", actions: []string{"publish"}, channels: []string{"user:*:*"}},
		{name: "a team's", actions: verbs, channels: []string{"team:{claim.team}:*"}},
		{name: "the tenant's", actions: verbs, channels: []string{"t:{tenant}:**"}},
	}
	if w.chance.IntN(4) > 0 {
		all = append(all, own...)
	}
	for i := range 3 + w.chance.IntN(5) {
		r := rule{name: fmt.Sprint("rule ", i), deny: w.chance.IntN(4) == 0, actions: some(w, verbs), channels: []string{w.pattern(p), w.pattern(p)}}
		w.condition(p, &r)
		all = append(all, r)
	}
	return all
}

// condition says whom a rule is about, or leaves it.
func (w *world) condition(p *party, r *rule) {
	switch w.chance.IntN(6) {
	case 0:
		r.roles = some(w, roles)
	case 1:
		r.unless = some(w, roles)
	case 2:
		r.users = some(w, p.users)
	case 3:
		r.team = pick(w, teams)
	}
}

// may is the naive reading: a rule that denies wins, and without a rule nothing is allowed.
func (p *party) may(by who, action, name string) bool {
	return p.says(by, action, name, false) && !p.says(by, action, name, true)
}

// says is whether a rule that denies, or one that allows, is about this.
func (p *party) says(by who, action, name string, deny bool) bool {
	return slices.ContainsFunc(p.rules, func(r rule) bool {
		return r.deny == deny && slices.Contains(r.actions, action) && r.concerns(by) && slices.ContainsFunc(r.channels, func(pattern string) bool {
			parts, ok := p.filled(pattern, by)
			return ok && matches(parts, strings.Split(name, ":"))
		})
	})
}

// filled puts values into the place of templates. Without one of them nothing is meant.
func (p *party) filled(pattern string, by who) (parts []string, ok bool) {
	for part := range strings.SplitSeq(pattern, ":") {
		switch part {
		case "{user}":
			part = spelled(by.user)
		case "{tenant}":
			part = p.id
		case "{claim.team}":
			if part = ""; len(by.teams) == 1 {
				part = spelled(by.teams[0])
			}
		}
		if part == "" {
			return nil, false
		}
		parts = append(parts, part)
	}
	return parts, true
}

// spelled writes a value as one segment; it is empty where that would be too long.
func spelled(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~@+=|", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() > 128 {
		return ""
	}
	return b.String()
}

// plainly makes of a value what can stand in a name, the way somebody would who does not encode: colons stay.
func plainly(value string) string {
	if value == "" || len(value) > 128 {
		return full
	}
	if i := strings.IndexFunc(value, func(c rune) bool { return strings.ContainsRune("*{}/ é", c) }); i >= 0 {
		return "ana"
	}
	return value
}

func (r *rule) concerns(by who) bool {
	any := func(list []string) bool {
		return slices.ContainsFunc(list, func(role string) bool { return slices.Contains(by.roles, role) })
	}
	return (r.roles == nil || any(r.roles)) && !any(r.unless) && (r.users == nil || slices.Contains(r.users, by.user)) && (r.team == "" || slices.Contains(by.teams, r.team))
}

func matches(pattern, name []string) bool {
	switch {
	case len(pattern) == 0 || len(name) == 0:
		return len(pattern) == len(name)
	case pattern[0] == "**":
		return true
	}
	return (pattern[0] == "*" || pattern[0] == name[0]) && matches(pattern[1:], name[1:])
}
