package e2ee

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

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
	if user == r.options.User {
		return refuse(Distributor, "a distributor does not remove itself; another one does")
	}
	before := len(r.removed)
	for who := range r.members { // they stay known: history is read with their keys
		if who.user == user {
			r.removed[who] = true
		}
	}
	if len(r.removed) == before {
		return refuse(NotMember, "%.200q is no member", user)
	}
	if r.keys.newest != nil {
		r.left = r.keys.newest.number
	}
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
	return g.text, nil
}

// granted wraps key for everybody and signs it.
func (r *Room) granted(key []byte, now time.Time) (*grant, error) {
	kid, err := kidOf(key)
	if err != nil {
		return nil, err
	}
	g := &grant{tenant: r.options.Tenant, channel: r.options.Channel, key: kid, generation: r.Generation() + 1, created: now.Truncate(time.Second), by: person{r.options.Identity.signID, r.options.User}}
	if g.generation > maxInteger {
		return nil, refuse(Expired, "the channel's generations are used up: somebody gave one the number %d; begin another channel", maxInteger)
	}
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
	for who, m := range r.members {
		if !r.removed[who] && !m.ended(now) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.user+"\x00"+a.signID, b.user+"\x00"+b.signID) })
	return all
}
