// Package walls_test lets tenants who share everything but their walls live in one gateway: the same users' names, the same channels' names, the same ids of tokens and
// sessions, and rules, identities and requests at random. A reading of the rules that is too simple to be wrong says beside it what may happen.
//
// PORTCULLIS_SEED replays a world, PORTCULLIS_LONG=1 makes many.
package walls_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/auth/authtest"
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
}

// party is a tenant as the test knows it.
type party struct {
	id     string
	issuer *authtest.Issuer
	keys   string // the issuer's, as a file
	away   bool   // taken out of the configuration
	users  []string
	rules  []rule
	marks  []string // texts that are this tenant's alone, and must reach nobody else

	connections map[string]string // that there ever were, and whose

	revoked map[string]bool // ids of tokens and sessions, and users
}

// world is everything that one seed gives.
type world struct {
	chance  *rand.Rand
	parties []*party
	fresh   int
}

var (
	segments = []string{"a", "b", "room", "ops", "ana"}
	roles    = []string{"member", "guest", "boss"}
	shared   = []string{"ana", "bob", "eve"}
	verbs    = []string{"subscribe", "publish", "echo", "presence"}
)

func newWorld(seed uint64) *world {
	w := &world{chance: rand.New(rand.NewPCG(seed, 4))}
	for range 3 {
		id := "tn" + w.word()
		p := &party{id: id, issuer: authtest.New("https://" + id + ".example"), marks: []string{id}, revoked: make(map[string]bool), connections: make(map[string]string)}
		p.users = append(slices.Clone(shared), w.newUser(p), w.newUser(p))
		p.rules = w.rules(p)
		w.parties = append(w.parties, p)
	}
	return w
}

// present are the tenants of the configuration.
func (w *world) present() []*party {
	return slices.DeleteFunc(slices.Clone(w.parties), func(p *party) bool { return p.away })
}

// word is a text that stands in nothing by chance.
func (w *world) word() string {
	b := make([]byte, 10)
	for i := range b {
		b[i] = "bcdfghjklmnpqrstvwxz"[w.chance.IntN(20)]
	}
	return string(b)
}

func (w *world) newUser(p *party) string {
	user := "us" + w.word()
	p.marks = append(p.marks, user)
	return user
}

func pick[T any](w *world, list []T) T { return list[w.chance.IntN(len(list))] }

// some picks some of a list, at least one.
func some[T any](w *world, list []T) []T {
	list = slices.Clone(list)
	w.chance.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:1+w.chance.IntN(len(list))]
}

// channel is one of few names, which many share, or any.
func (w *world) channel() string {
	if w.chance.IntN(4) > 0 {
		return pick(w, []string{"a", "room:a", "room:ana", "ops:b", "room:a:b"})
	}
	name := make([]string, 1+w.chance.IntN(3))
	for i := range name {
		name[i] = pick(w, segments)
	}
	return strings.Join(name, ":")
}

func (w *world) pattern() string {
	parts := strings.Split(w.channel(), ":")
	for i := range parts {
		switch w.chance.IntN(6) {
		case 0, 1:
			parts[i] = "*"
		case 2:
			parts[i] = "{user}"
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
	for i := range 3 + w.chance.IntN(5) {
		r := rule{name: fmt.Sprint("rule ", i), deny: w.chance.IntN(3) == 0, actions: some(w, verbs), channels: []string{w.pattern(), w.pattern()}}
		switch w.chance.IntN(5) {
		case 0:
			r.roles = some(w, roles)
		case 1:
			r.unless = some(w, roles)
		case 2:
			r.users = some(w, p.users)
		}
		all = append(all, r)
	}
	return all
}

// may is the naive reading: a rule that denies wins, and without a rule nothing is allowed.
func (p *party) may(user string, has []string, action, name string) bool {
	allowed := false
	for _, r := range p.rules {
		if !slices.Contains(r.actions, action) || !r.concerns(user, has) || !slices.ContainsFunc(r.channels, func(pattern string) bool {
			return matches(strings.Split(strings.ReplaceAll(pattern, "{user}", user), ":"), strings.Split(name, ":"))
		}) {
			continue
		}
		if r.deny {
			return false
		}
		allowed = true
	}
	return allowed
}

func (r *rule) concerns(user string, has []string) bool {
	any := func(list []string) bool {
		return slices.ContainsFunc(list, func(role string) bool { return slices.Contains(has, role) })
	}
	return (r.roles == nil || any(r.roles)) && !any(r.unless) && (r.users == nil || slices.Contains(r.users, user))
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

// yaml writes the world as a configuration.
func (w *world) yaml(t *testing.T) string {
	var b strings.Builder
	b.WriteString("listen: {address: \"127.0.0.1:0\", plaintext: true}\nadmin: {address: \"127.0.0.1:0\"}\nadmission: {connections_per_address: unlimited, " +
		"connections_per_second_per_address: unlimited, failures_per_minute_per_address: unlimited}\nreload: {watch: false}\ntenants:\n")
	list := func(texts []string) string { return `["` + strings.Join(texts, `", "`) + `"]` }
	for _, p := range w.present() {
		if p.keys == "" {
			p.keys = p.issuer.WriteJWKS(t)
		}
		fmt.Fprintf(&b, "  - id: %s\n    issuers: [{issuer: %q, audience: portcullis, jwks_file: %q}]\n    channels: [{match: \"**\", presence: true}]\n", p.id, p.issuer.URL, p.keys)
		b.WriteString("    limits: {connections_per_second: unlimited, connections_per_user: unlimited, messages_per_second: unlimited, messages_per_second_per_user: unlimited, " +
			"messages_per_second_per_connection: unlimited, bytes_per_second: unlimited, bytes_per_second_per_connection: unlimited}\n    rules:\n")
		for _, r := range p.rules {
			effect := "allow"
			if r.deny {
				effect = "deny"
			}
			fmt.Fprintf(&b, "      - {name: %q, %s: %s", r.name, effect, list(r.actions))
			if r.channels != nil {
				fmt.Fprintf(&b, ", channels: %s", list(r.channels))
			}
			switch {
			case r.roles != nil:
				fmt.Fprintf(&b, ", for: {roles: %s}", list(r.roles))
			case r.users != nil:
				fmt.Fprintf(&b, ", for: {users: %s}", list(r.users))
			}
			if r.unless != nil {
				fmt.Fprintf(&b, ", unless: {roles: %s}", list(r.unless))
			}
			b.WriteString("}\n")
		}
	}
	return b.String()
}
