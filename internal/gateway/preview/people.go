package preview

import (
	"hash/maphash"
	"reflect"
	"slices"
	"strings"

	"portcullis/internal/auth"
)

// people are those who are asked about, once each as far as rules can tell them apart. One user may have very many connections, with other claims on each.
type people struct {
	seed maphash.Seed
	seen map[uint64][]*auth.Principal // by the hash of what rules see
	all  []*auth.Principal
}

func newPeople() *people {
	return &people{seed: maphash.MakeSeed(), seen: make(map[uint64][]*auth.Principal)}
}

func (p *people) add(pr *auth.Principal) {
	h := p.hash(pr)
	if slices.ContainsFunc(p.seen[h], func(other *auth.Principal) bool { return alike(pr, other) }) {
		return
	}
	p.seen[h] = append(p.seen[h], pr)
	p.all = append(p.all, pr)
}

// sorted returns them by their users.
func (p *people) sorted() []*auth.Principal {
	slices.SortStableFunc(p.all, func(a, b *auth.Principal) int { return strings.Compare(a.User, b.User) })
	return p.all
}

// alike reports whether no rule can tell two principals of one tenant apart.
func alike(a, b *auth.Principal) bool {
	return a.User == b.User && slices.Equal(a.Roles, b.Roles) && slices.Equal(a.Scopes, b.Scopes) && slices.Equal(a.Claims, b.Claims) &&
		(a.Certificate == nil) == (b.Certificate == nil) && reflect.DeepEqual(a.Grants, b.Grants)
}

// hash is the same for those who are alike. Where the texts of one end and those of another begin does not matter to it: alike looks at that.
func (p *people) hash(pr *auth.Principal) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	h.WriteString(pr.User)
	for _, list := range [][]string{pr.Roles, pr.Scopes} {
		for _, text := range list {
			h.WriteString(text)
		}
	}
	for _, c := range pr.Claims {
		h.WriteString(c.Name)
		h.WriteString(c.Value)
	}
	for _, g := range pr.Grants.List() {
		for _, action := range g.Actions {
			h.WriteString(action)
		}
		for _, pattern := range g.Channels {
			h.WriteString(pattern.String())
		}
	}
	return h.Sum64()
}
