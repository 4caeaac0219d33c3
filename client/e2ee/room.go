package e2ee

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// RoomOptions say where a room is, and who one is there.
type RoomOptions struct {
	Tenant   string
	Channel  string
	User     string // who one is to the gateway: client.Welcome has it
	Identity *Identity
	// Distributors are the users who may give channel keys. Whoever is among them reads all that is said, and says who else does.
	Distributors []string
}

// Room is one channel whose messages its members alone can read. It is safe for concurrent use.
type Room struct {
	// Set by NewRoom, then read-only.
	options RoomOptions
	session session

	making sync.Mutex // held while a key is made, which takes long where there are many members

	mu      sync.Mutex // guards what follows; nothing is encrypted and no signature verified under it
	members map[person]Member
	left    uint64          // the generation at which somebody was last removed: they may have it on a device that is not known here
	removed map[person]bool // of members: they are given no keys, give none, and are not heard
	keys    keyring
	counter uint64
}

// NewRoom checks options and starts nothing. It knows its own user already; a channel key comes with [Room.Accept] or [Room.Generate].
func NewRoom(o RoomOptions) (*Room, error) {
	for _, text := range []string{o.Tenant, o.Channel, o.User} {
		if text == "" || !utf8.ValidString(text) {
			return nil, errors.New("RoomOptions.Tenant, Channel and User must be given, as UTF-8")
		}
	}
	if len(outer(address{o.Tenant, o.Channel, encode(make([]byte, keySize))})) > maxOuter || len(o.User) > 2*maxSubject {
		return nil, errors.New("RoomOptions.Tenant, Channel or User is longer than any gateway's")
	}
	if o.Identity == nil || len(o.Distributors) == 0 {
		return nil, errors.New("RoomOptions.Identity and Distributors must be given: a room believes nobody else about keys")
	}
	o.Distributors = slices.Clone(o.Distributors)
	r := &Room{options: o, members: make(map[person]Member), removed: make(map[person]bool)}
	_, _ = rand.Read(r.session[:]) // it never fails: the program ends instead
	me := Member{o.Identity.public, o.User, o.Tenant, time.Time{}}
	r.members[me.person()] = me
	return r, nil
}

// Add makes a member known: what it says can be opened, and where one's own user is a distributor the next channel key is given to it too. Somebody with
// several devices is several members. An assertion that follows another is added as the first was.
func (r *Room) Add(m Member) error {
	if m.user == "" {
		return refuse(Assertion, "the member is nobody; Issuer.Verify makes members")
	}
	if m.tenant != r.options.Tenant {
		return refuse(Tenant, "member %.200q is of tenant %.64q, and the room of %q", m.user, m.tenant, r.options.Tenant)
	}
	if m.ended(time.Now()) {
		return refuse(Expired, "the assertion of %.200q ended at %s; get a new one", m.user, m.ends.UTC().Format(time.RFC3339))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if there, ok := r.members[m.person()]; !ok || !there.ends.IsZero() && there.ends.Before(m.ends) {
		r.members[m.person()] = m
	}
	delete(r.removed, m.person())
	return nil
}

// Generation is the number of the newest channel key, 0 before the first.
func (r *Room) Generation() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys.newest == nil {
		return 0
	}
	return r.keys.newest.number
}

// Seal signs plaintext, encrypts it for those who have the newest channel key, and returns what to publish, with "encryption":"jwe" beside it.
func (r *Room) Seal(plaintext []byte) (string, error) {
	g, counter, err := r.next(time.Now())
	if err != nil {
		return "", err
	}
	to := address{r.options.Tenant, r.options.Channel, g.kid}
	jws := writeStatement(r.options.Identity, r.options.User, to, r.session, counter, plaintext)
	return writeEnvelope(g.cipher, to, jws), nil
}

// next is the place of a message that is said now.
func (r *Room) next(now time.Time) (*generation, uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.keys.newest
	if g == nil {
		return nil, 0, refuse(Key, "there is no channel key yet; accept a grant, or generate one as a distributor")
	}
	if g.number == r.left {
		return nil, 0, refuse(Expired, "somebody was removed who may have the newest channel key; generate one")
	}
	for who := range r.removed {
		if g.list[who] {
			return nil, 0, refuse(Expired, "%.200q was removed and has the newest channel key; generate one, and tell the other distributors", who.user)
		}
	}
	if err := g.seals(now); err != nil {
		return nil, 0, err
	}
	g.served.Add(1)
	r.counter++
	return g, r.counter, nil
}

// Open returns what a member said. It opens each message once, and of the generation before the newest only what comes within a minute.
func (r *Room) Open(m Message) ([]byte, error) {
	now := time.Now()
	o, err := r.open(m, now, r.live)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// Meanwhile a grant may have come.
	if _, err := r.keys.live(o.key, time.Now()); err != nil {
		return nil, err
	}
	if !r.keys.newest.list[o.from] || r.removed[o.from] {
		return nil, refuse(From, "user %.200q is not on the list of generation %d any more, or was removed here", o.from.user, r.keys.newest.number)
	}
	if o.under.seen == nil {
		o.under.seen = make(windows)
	}
	if err := o.under.seen.take(o.from, o.session, o.counter); err != nil {
		return nil, err
	}
	o.under.served.Add(1)
	return o.payload, nil
}

func (r *Room) live(kid string, now time.Time) (*generation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys.live(kid, now)
}

// distributes reports whether keys may come from user.
func (r *Room) distributes(user string) bool { return slices.Contains(r.options.Distributors, user) }

// known returns the member that a key of a user is.
func (r *Room) known(who person) (Member, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.members[who]
	return m, ok
}

// here is known for those who were not removed.
func (r *Room) here(who person) (Member, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.members[who]
	return m, ok && !r.removed[who]
}

func (r *Room) distributors() string { return strings.Join(r.options.Distributors, ", ") }
