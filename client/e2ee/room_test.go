package e2ee_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"portcullis/client/e2ee"
)

// believed is the issuer of the world, with its one key.
func believed(t testing.TB) *e2ee.Issuer {
	t.Helper()
	keys := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"%s","kid":"ed"}]}`, b64(issuerEd[32:]))
	i, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: issuerID, Tenant: tenantID, Keys: []byte(keys)})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// enter is room:1, or another, as p sees it. Ana distributes.
func enter(t testing.TB, p person, channel string, members ...person) *e2ee.Room {
	t.Helper()
	identity, err := e2ee.ParseIdentity([]byte(p.identity()))
	if err != nil {
		t.Fatal(err)
	}
	room, err := e2ee.NewRoom(e2ee.RoomOptions{Tenant: tenantID, Channel: channel, User: p.user, Identity: identity, Distributors: []string{"ana"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		join(t, room, m)
	}
	return room
}

func join(t testing.TB, room *e2ee.Room, p person) {
	t.Helper()
	m, err := believed(t).Verify(t.Context(), vouch(p, 365*day).text())
	if err != nil {
		t.Fatal(err)
	}
	if err := room.Add(m); err != nil {
		t.Fatal(err)
	}
}

func accept(t testing.TB, grant string, rooms ...*e2ee.Room) {
	t.Helper()
	for _, room := range rooms {
		if err := room.Accept(grant); err != nil {
			t.Fatal(err)
		}
	}
}

func generate(t testing.TB, room *e2ee.Room) string {
	t.Helper()
	grant, err := room.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// says seals a text as p, and is what the gateway delivers of it.
func says(t testing.TB, room *e2ee.Room, p person, text string) e2ee.Message {
	t.Helper()
	sealed, err := room.Seal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return delivered(sealed, p)
}

func delivered(text string, from person) e2ee.Message {
	return e2ee.Message{Data: []byte(quote(text)), Encryption: "jwe", User: from.user}
}

type opener interface {
	Open(e2ee.Message) ([]byte, error)
}

func hears(t testing.TB, room opener, m e2ee.Message, want string) {
	t.Helper()
	got, err := room.Open(m)
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

func refuses(t testing.TB, room opener, m e2ee.Message, reason e2ee.Reason) {
	t.Helper()
	got, err := room.Open(m)
	if got != nil {
		t.Fatalf("got %q beside a refusal", got)
	}
	refused(t, err, reason)
}

// three are ana, ben and cid in room:1, with a channel key.
func three(t testing.TB) (anas, bens, cids *e2ee.Room) {
	t.Helper()
	anas, bens, cids = enter(t, ana, room1, ben, cid), enter(t, ben, room1, ana, cid), enter(t, cid, room1, ana, ben)
	accept(t, generate(t, anas), bens, cids)
	return anas, bens, cids
}

// ana makes a key, and each hears the others, and themselves.
func TestThreeInARoom(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens, cids := three(t)
		for p, from := range map[*person]*e2ee.Room{&ana: anas, &ben: bens, &cid: cids} {
			m := says(t, from, *p, "from "+p.user)
			for _, room := range []*e2ee.Room{anas, bens, cids} {
				hears(t, room, m, "from "+p.user)
			}
		}
		if got := cids.Generation(); got != 1 {
			t.Errorf("got generation %d, want 1", got)
		}
	})
}

// A user with two devices is two members, and each device has the key.
func TestTwoDevicesOfOneUser(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		laptop := newPerson("ben's laptop")
		laptop.user = "ben"
		anas, phones, laptops := enter(t, ana, room1, ben, laptop), enter(t, ben, room1, ana, laptop), enter(t, laptop, room1, ana, ben)
		accept(t, generate(t, anas), phones, laptops)
		m := says(t, laptops, laptop, "from the laptop")
		hears(t, phones, m, "from the laptop")
		hears(t, anas, m, "from the laptop")
	})
}

// A distributor that was restarted goes on where it was, and what is kept can be read.
func TestARestartedDistributor(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		first := enter(t, ana, room1, ben)
		bens := enter(t, ben, room1, ana)
		grant := generate(t, first)
		accept(t, grant, bens)
		kept := says(t, bens, ben, "before")

		again := enter(t, ana, room1, ben)
		accept(t, grant, again)
		hears(t, again.History(), kept, "before")
		next := generate(t, again)
		accept(t, next, bens)
		if got := bens.Generation(); got != 2 {
			t.Errorf("got generation %d, want 2", got)
		}
	})
}

func TestAGrantThatComesTwice(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		bens := enter(t, ben, room1, ana)
		grant := generate(t, enter(t, ana, room1, ben))
		accept(t, grant, bens, bens)
		m := says(t, bens, ben, "once")
		hears(t, bens, m, "once")
		accept(t, grant, bens)
		refuses(t, bens, m, e2ee.Replay) // what was heard is not forgotten
	})
}

func TestAKeySealsForADay(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens, cids := three(t)
		time.Sleep(24*time.Hour - time.Second)
		m := says(t, bens, ben, "the last")
		time.Sleep(time.Second)
		_, err := bens.Seal([]byte("too late"))
		refused(t, err, e2ee.Expired)
		hears(t, cids, m, "the last")

		accept(t, generate(t, anas), bens)
		says(t, bens, ben, "under the next")
	})
}

// Who comes to a channel reads what was said on the day before, and seals nothing with that key.
func TestAnOldGrantIsForReading(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas := enter(t, ana, room1, ben)
		grant := generate(t, anas)
		kept := says(t, anas, ana, "yesterday")
		time.Sleep(25 * time.Hour)
		bens := enter(t, ben, room1, ana)
		accept(t, grant, bens)
		hears(t, bens.History(), kept, "yesterday")
		_, err := bens.Seal([]byte("today"))
		refused(t, err, e2ee.Expired)
	})
}

func TestAKeySealsSoManyMessages(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		_, bens, cids := three(t)
		bens.Served(1<<28 - 1)
		m := says(t, bens, ben, "the last")
		_, err := bens.Seal([]byte("one too many"))
		refused(t, err, e2ee.Expired)

		for _, reader := range []opener{cids, cids.History()} { // what is opened counts too
			cids.Served(1<<28 - 1)
			hears(t, reader, m, "the last")
			_, err = cids.Seal([]byte("one too many"))
			refused(t, err, e2ee.Expired)
		}
	})
}

// Of two assertions of one key the one that ends later counts, in whatever order they come.
func TestTheLaterAssertionCounts(t *testing.T) {
	for name, lives := range map[string][]time.Duration{"the later one first": {day, time.Hour}, "the later one last": {time.Hour, day}} {
		t.Run(name, func(t *testing.T) {
			at(t, noon.Unix(), func(t *testing.T) {
				anas, bens := enter(t, ana, room1), enter(t, ben, room1, ana)
				for _, life := range lives {
					m, err := believed(t).Verify(t.Context(), vouch(ben, life).text())
					if err != nil {
						t.Fatal(err)
					}
					if err := anas.Add(m); err != nil {
						t.Fatal(err)
					}
				}
				accept(t, generate(t, anas), bens)
				time.Sleep(2 * time.Hour)
				hears(t, anas, says(t, bens, ben, "hello"), "hello")
			})
		})
	}
}

func TestSixtyFourGenerations(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens := enter(t, ana, room1, ben), enter(t, ben, room1, ana)
		first := generate(t, anas)
		accept(t, first, bens)
		one := says(t, anas, ana, "of 1")
		second := generate(t, anas)
		accept(t, second, bens)
		two := says(t, anas, ana, "of 2")
		for range 63 {
			accept(t, generate(t, anas), bens)
		}
		refuses(t, bens.History(), one, e2ee.Key)
		hears(t, bens.History(), two, "of 2")
		refused(t, bens.Accept(first), e2ee.Rollback)
	})
}

func TestNoKeyYet(t *testing.T) {
	bens := enter(t, ben, room1)
	_, err := bens.Seal([]byte("hello"))
	refused(t, err, e2ee.Key)
	if got := bens.Generation(); got != 0 {
		t.Errorf("got generation %d, want 0", got)
	}
}

// The longest names that a gateway takes, and names that JSON writes with escapes.
func TestNamesOfAllKinds(t *testing.T) {
	for name, o := range map[string]e2ee.RoomOptions{
		"long":    {Tenant: strings.Repeat("t", 63), Channel: strings.Repeat("c", 255), User: strings.Repeat("u", 2048)},
		"escaped": {Tenant: "a\"b", Channel: `c\d`, User: "<\u2028&>\t\U0001f511"},
	} {
		t.Run(name, func(t *testing.T) {
			identity, err := e2ee.NewIdentity()
			if err != nil {
				t.Fatal(err)
			}
			o.Identity, o.Distributors = identity, []string{o.User}
			room, err := e2ee.NewRoom(o)
			if err != nil {
				t.Fatal(err)
			}
			generate(t, room)
			sealed, err := room.Seal([]byte("hello"))
			if err != nil {
				t.Fatal(err)
			}
			hears(t, room, e2ee.Message{Data: []byte(quote(sealed)), Encryption: "jwe", User: o.User}, "hello")
		})
	}
}

func TestRoomOptions(t *testing.T) {
	identity, err := e2ee.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	right := e2ee.RoomOptions{Tenant: "acme", Channel: "room:1", User: "ana", Identity: identity, Distributors: []string{"ana"}}
	if _, err := e2ee.NewRoom(right); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*e2ee.RoomOptions){
		"no tenant":       func(o *e2ee.RoomOptions) { o.Tenant = "" },
		"no channel":      func(o *e2ee.RoomOptions) { o.Channel = "" },
		"no user":         func(o *e2ee.RoomOptions) { o.User = "" },
		"no identity":     func(o *e2ee.RoomOptions) { o.Identity = nil },
		"no distributors": func(o *e2ee.RoomOptions) { o.Distributors = nil },
		"no UTF-8":        func(o *e2ee.RoomOptions) { o.Channel = "room:\xff" },
		"a long channel":  func(o *e2ee.RoomOptions) { o.Channel = strings.Repeat("c", 1000) },
		"long in JSON":    func(o *e2ee.RoomOptions) { o.Channel = strings.Repeat(`"`, 500) },
		"a long user":     func(o *e2ee.RoomOptions) { o.User = strings.Repeat("u", 2049) },
	} {
		t.Run(name, func(t *testing.T) {
			wrong := right
			spoil(&wrong)
			if _, err := e2ee.NewRoom(wrong); err == nil {
				t.Error("got no error")
			}
		})
	}
}
