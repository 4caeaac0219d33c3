// Package walls_test lets tenants who share everything but their walls live in one gateway: the same users' names, the same channels' names, the same ids of tokens and
// sessions, the same offsets and keys of messages, users whose names look like patterns and paths, and rules, choices, identities and requests at random. A reading of the rules that is too simple to be wrong says beside it what may happen.
//
// PORTCULLIS_SEED replays a world, PORTCULLIS_LONG=1 makes many.
package walls_test

import (
	"math/rand/v2"
	"slices"
	"strings"

	"portcullis/internal/auth/authtest"
)

// party is a tenant as the test knows it.
type party struct {
	id     string
	issuer *authtest.Issuer
	keys   string // the issuer's, as a file
	away   bool   // taken out of the configuration
	users  []string
	rules  []rule
	picks  []rule   // whom it subscribes to what; they have no actions
	keeps  []string // patterns of channels with history
	vaults []string // those of them, or anything, that take only what is encrypted
	marks  []string // texts that are this tenant's alone, and must reach nobody else

	connections map[string]string // that there ever were, and whose

	revoked map[string]bool // ids of tokens and sessions, and users
	logs    map[string]*log // by the channel's name
	newest  uint64          // the last offset: it counts what this tenant's channels keep, and nobody else's
}

// world is everything that one seed gives.
type world struct {
	chance  *rand.Rand
	parties []*party
	strange []string // users that all tenants have
	fresh   int
}

var (
	segments = []string{"a", "b", "room", "ops", "ana", "%2A"}
	roles    = []string{"member", "guest", "boss"}
	shared   = []string{"ana", "bob", "eve"}
	verbs    = []string{"subscribe", "publish", "echo", "presence", "history"}
	teams    = []string{"red", "blue", "a:b", "*", "{user}", "ana"}

	// hostile are users whose names would reach out of their segment, or be a pattern, if they were not encoded; the last has none, for it is too long.
	hostile = []string{"a:b", "a", "*", "**", "%2A", "a%3Ab", "é", "{user}", "ana b", "ana:inbox", "a/b", "../ana", full, full + "x"}
	full    = strings.Repeat("x", 128)
)

// plain is the one tenant whose id stands in the names of others' channels.
const plain = "plain"

func newWorld(seed uint64) *world {
	w := &world{chance: rand.New(rand.NewPCG(seed, 4))}
	w.strange = some(w, hostile)
	w.strange = w.strange[:min(len(w.strange), 5)]
	for i := range 3 {
		id, marks := "tn"+w.word(), []string(nil)
		if i == 0 {
			id = plain // everybody may say it
		} else {
			marks = []string{id}
		}
		p := &party{id: id, issuer: authtest.New("https://" + id + ".example"), marks: marks, revoked: make(map[string]bool), connections: make(map[string]string), logs: make(map[string]*log)}
		p.users = append(slices.Concat(shared, w.strange), w.newUser(p), w.newUser(p))
		p.rules, p.picks = w.rules(p), w.choices(p)
		p.keeps = some(w, []string{"room:**", "user:**", "team:*:news", "t:**", "ops:*", "a", "*:ana"})
		p.vaults = w.vaults(p)
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

// newUser is a user of this tenant alone.
func (w *world) newUser(p *party) string {
	mark := "us" + w.word()
	p.marks = append(p.marks, mark)
	return mark + pick(w, []string{"", "", ":inbox", " *", "%3A"})
}

func pick[T any](w *world, list []T) T { return list[w.chance.IntN(len(list))] }

// some picks some of a list, at least one.
func some[T any](w *world, list []T) []T {
	list = slices.Clone(list)
	w.chance.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:1+w.chance.IntN(len(list))]
}
