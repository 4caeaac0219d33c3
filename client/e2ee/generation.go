package e2ee

import (
	"crypto/cipher"
	"crypto/sha256"
	"slices"
	"sync/atomic"
	"time"
)

// What a channel key serves at most. Random nonces of 96 bits allow 2^32 messages (NIST SP 800-38D, section 8.3); here two of them meet with a probability below 2^-41.
const (
	maxServed = 1 << 28
	maxServes = 24 * time.Hour
)

// generation is one channel key and those whom it was given to.
type generation struct {
	number  uint64
	kid     string
	created time.Time
	list    map[person]bool
	grant   [sha256.Size]byte // of its text: a second grant for the generation must be the same
	cipher  cipher.AEAD
	served  atomic.Int64 // messages that were sealed and opened here

	seen windows // guarded by Room.mu
}

func newGeneration(g *grant, key []byte) (*generation, error) {
	aead, err := cipherOf(key)
	if err != nil {
		return nil, err
	}
	made := &generation{number: g.generation, kid: g.key, created: g.created, grant: sha256.Sum256([]byte(g.text)), cipher: aead}
	made.list = make(map[person]bool, len(g.entries))
	for _, e := range g.entries {
		made.list[person{e.Sign, e.User}] = true
	}
	return made, nil
}

// seals says why the key seals nothing more, nil while it does.
func (g *generation) seals(now time.Time) error {
	if now.Sub(g.created) >= maxServes {
		return refuse(Expired, "the channel key of generation %d is from %s, and seals for %v; its distributor must generate a new one",
			g.number, g.created.UTC().Format(time.RFC3339), maxServes)
	}
	if g.served.Load() >= maxServed {
		return refuse(Expired, "the channel key of generation %d served %d messages; its distributor must generate a new one", g.number, maxServed)
	}
	return nil
}

const (
	maxGenerations = 64
	// grace is how long the generation before the newest still counts: what was under way when the key changed is not lost.
	grace = time.Minute
)

// keyring are the generations that a room holds. Guarded by Room.mu.
type keyring struct {
	held   []*generation // by number
	newest *generation   // nil before the first
	before *generation   // the newest before that; nil for the first
	turned time.Time     // when newest came
}

func (k *keyring) byKid(kid string) *generation {
	i := slices.IndexFunc(k.held, func(g *generation) bool { return g.kid == kid })
	if i < 0 {
		return nil
	}
	return k.held[i]
}

// live returns the generation of a message that comes now.
func (k *keyring) live(kid string, now time.Time) (*generation, error) {
	switch g := k.byKid(kid); {
	case g == nil:
		return nil, refuse(Key, "the message is under channel key %.64q, which is not held here; ask for the grant of its generation", kid)
	case g == k.newest, g == k.before && now.Sub(k.turned) < grace:
		return g, nil
	default:
		return nil, refuse(Key, "the message is under generation %d, and the channel is at %d; a reading of history opens it", g.number, k.newest.number)
	}
}

// fits asks whether a grant may join those that are held. Same is true for one that did.
func (k *keyring) fits(g *grant) (same bool, err error) {
	if i := slices.IndexFunc(k.held, func(h *generation) bool { return h.number == g.generation }); i >= 0 {
		if k.held[i].grant == sha256.Sum256([]byte(g.text)) {
			return true, nil
		}
		return false, refuse(Rollback, "generation %d is held with another grant; a change is a new generation", g.generation)
	}
	if other := k.byKid(g.key); other != nil {
		return false, refuse(Rollback, "generation %d brings back the channel key of generation %d; each has its own", g.generation, other.number)
	}
	if len(k.held) == maxGenerations && g.generation < k.held[0].number {
		return false, refuse(Rollback, "generation %d is older than the %d that are held", g.generation, maxGenerations)
	}
	if k.newest != nil && g.generation > k.newest.number && !k.newest.list[g.by] {
		return false, refuse(Distributor, "%.200q gives generation %d, and is not on the list of generation %d: somebody took them out", g.by.user, g.generation, k.newest.number)
	}
	return false, nil
}

// add takes a generation that fits. The oldest goes where there are too many.
func (k *keyring) add(g *generation, now time.Time) {
	i, _ := slices.BinarySearchFunc(k.held, g.number, func(h *generation, n uint64) int {
		if h.number < n {
			return -1
		}
		return 1
	})
	k.held = slices.Insert(k.held, i, g)
	if len(k.held) > maxGenerations {
		k.held = slices.Delete(k.held, 0, 1)
	}
	if k.newest != nil && g.number < k.newest.number {
		return // for reading alone
	}
	if k.before != nil {
		k.before.seen = nil // it never comes live again
	}
	k.before, k.newest, k.turned = k.newest, g, now
}
