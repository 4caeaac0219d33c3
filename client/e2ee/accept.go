package e2ee

import (
	"crypto/ed25519"
	"slices"
	"time"
)

// Accept takes a channel key from a grant, and the word of a distributor for who else has it. A grant may come twice, late, and in any order.
func (r *Room) Accept(grant string) error {
	now := time.Now()
	g, err := readGrant(grant)
	if err != nil {
		return refuse(Form, "the grant: %v", err)
	}
	if err := (address{g.tenant, g.channel, g.key}).in(address{r.options.Tenant, r.options.Channel, g.key}, "the grant"); err != nil {
		return err
	}
	if err := r.given(g, now); err != nil {
		return err
	}
	if same, err := r.fits(g); same || err != nil {
		return err
	}
	made, err := r.unwrap(g)
	if err != nil {
		return err
	}
	return r.take(g, made)
}

// given asks whether a distributor gave g.
func (r *Room) given(g *grant, now time.Time) error {
	var m Member
	found := false
	for _, user := range r.options.Distributors {
		if m, found = r.here(person{g.distributor, user}); found {
			break
		}
	}
	switch {
	case !found:
		return refuse(Distributor, "the grant's key %.64q is none of the distributors %.200s, or that one was removed; verify their assertion and add them", g.distributor, r.distributors())
	case m.ended(now):
		return refuse(Expired, "the assertion of distributor %.200q ended at %s; get a new one", m.user, m.ends.UTC().Format(time.RFC3339))
	case !ed25519.Verify(m.sign, g.input, g.signature):
		return refuse(Signature, "the signature of the grant is not that of %.200q", m.user)
	case g.created.After(now.Add(2 * leeway)):
		return refuse(Expired, "the grant is from the future (%s); compare the clocks", g.created.UTC().Format(time.RFC3339))
	}
	g.by = m.person()
	return nil
}

func (r *Room) fits(g *grant) (same bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys.fits(g)
}

// unwrap takes the key out of the entry that is for this room's own user.
func (r *Room) unwrap(g *grant) (*generation, error) {
	me := r.options.Identity
	i := slices.IndexFunc(g.entries, func(e entry) bool { return e.User == r.options.User && e.Sign == me.signID && e.To == me.agreeID })
	if i < 0 {
		return nil, refuse(NotMember, "generation %d has no entry for %.200q with these keys; ask a distributor to add it", g.generation, r.options.User)
	}
	wrapped, err := decodeExactly(g.entries[i].Wrapped, wrappedSize)
	if err != nil {
		return nil, refuse(Form, "the grant: %v", err)
	}
	key, err := g.wrapping(g.entries[i]).open(me.agree, wrapped)
	if err != nil {
		return nil, refuse(Tampered, "the channel key of generation %d does not unwrap", g.generation)
	}
	kid, err := kidOf(key)
	if err != nil || kid != g.key {
		return nil, refuse(Key, "the channel key of generation %d is not the one that the grant names: some members would read other things than others", g.generation)
	}
	return newGeneration(g, key)
}

// take holds a generation, unless another grant was quicker.
func (r *Room) take(g *grant, made *generation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if same, err := r.keys.fits(g); same || err != nil {
		return err
	}
	r.keys.add(made, time.Now())
	return nil
}
