package e2ee

import (
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"strings"
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
		if m, found = r.known(person{g.distributor, user}); found {
			break
		}
	}
	switch {
	case !found:
		return refuse(Distributor, "the grant's key %.64q is none of the distributors %.200s; verify their assertion and add them", g.distributor, r.distributors())
	case m.ended(now):
		return refuse(Expired, "the assertion of distributor %.200q ended at %s; get a new one", m.user, m.ends.UTC().Format(time.RFC3339))
	case !ed25519.Verify(m.sign, g.input, g.signature):
		return refuse(Signature, "the signature of the grant is not that of %.200q", m.user)
	case g.created.After(now.Add(2 * leeway)):
		return refuse(Expired, "the grant is from the future (%s); compare the clocks", g.created.UTC().Format(time.RFC3339))
	}
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

// Generate makes a new channel key for all members whose assertion has not ended, and returns the grant that brings it to them. A distributor does that for the first time, when
// somebody comes, and before the key is 24 hours old. After a restart it accepts its newest grant first: generations never go back.
func (r *Room) Generate() (grant string, err error) {
	r.making.Lock()
	defer r.making.Unlock()
	return r.generate()
}

// Remove takes all keys of a user off the list, and returns the grant of a new channel key, which the user does not get. Until there is one nothing is sealed.
func (r *Room) Remove(user string) (grant string, err error) {
	r.making.Lock()
	defer r.making.Unlock()
	if err := r.leave(user); err != nil {
		return "", err
	}
	return r.generate()
}

func (r *Room) leave(user string) error {
	if err := r.mayDistribute(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case user == r.options.User:
		return refuse(Distributor, "a distributor does not remove itself; another one does")
	case !r.present[user]:
		return refuse(NotMember, "%.200q is no member", user)
	}
	delete(r.present, user) // the keys stay known: history is read with them
	r.removed = true
	return nil
}

func (r *Room) mayDistribute() error {
	if !r.distributes(r.options.User) {
		return refuse(Distributor, "%.200q is none of the distributors %.200s", r.options.User, r.distributors())
	}
	return nil
}

func (r *Room) generate() (string, error) {
	if err := r.mayDistribute(); err != nil {
		return "", err
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // it never fails: the program ends instead
	g, err := r.granted(key, time.Now())
	if err != nil {
		return "", err
	}
	made, err := newGeneration(g, key)
	if err != nil {
		return "", err
	}
	if err := r.take(g, made); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removed = false
	return g.text, nil
}

// granted wraps key for everybody and signs it.
func (r *Room) granted(key []byte, now time.Time) (*grant, error) {
	kid, err := kidOf(key)
	if err != nil {
		return nil, err
	}
	g := &grant{tenant: r.options.Tenant, channel: r.options.Channel, key: kid, generation: r.Generation() + 1, created: now.Truncate(time.Second)}
	for _, m := range r.everybody(now) {
		e := entry{User: m.user, Sign: m.signID, To: m.agreeID}
		wrapped, err := g.wrapping(e).seal(m.agree, key)
		if err != nil {
			return nil, refuse(Assertion, "the channel key cannot be wrapped for %.200q: %v; remove it", m.user, err)
		}
		e.Wrapped = encode(wrapped)
		g.entries = append(g.entries, e)
	}
	return g, g.write(r.options.Identity)
}

// everybody are those who get a key now, in an order that tells nothing of when they came.
func (r *Room) everybody(now time.Time) []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Member
	for _, m := range r.members {
		if r.present[m.user] && !m.ended(now) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.user+"\x00"+a.signID, b.user+"\x00"+b.signID) })
	return all
}
