package e2ee_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"portcullis/client/e2ee"
)

// known is room:1 with a channel key that the test knows, as a member does.
func known(t testing.TB, p person) *e2ee.Room {
	t.Helper()
	room := enter(t, p, room1, ana, ben, cid, eve, mal)
	accept(t, gives(key1, 1, noon, ana, ben, cid, mal).text(), room)
	return room
}

// Mal has the channel key and says something as ben, who did not say it.
func TestAMemberWhoForgesAnother(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		forged := said(ben, key1, 1, "I resign")
		forged.sign = byEdDSA(mal.sign)
		refuses(t, known(t, cid), delivered(forged.text(), ben), e2ee.Signature)
		refuses(t, known(t, cid).History(), delivered(forged.text(), ben), e2ee.Signature)
		own := said(mal, key1, 1, "I am ben").but(`"user":"mal"`, `"user":"ben"`)
		refuses(t, known(t, cid), delivered(own.text(), ben), e2ee.From)
	})
}

// The issuer vouches for ben's public key as mal's, too: mal cannot say what ben said, and ben is heard as before.
func TestAMemberWhoTakesAnothersKey(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		thief := vouch(mal, 365*day).but(edJWK(mal), edJWK(ben))
		m, err := believed(t).Verify(t.Context(), thief.text())
		if err != nil {
			t.Fatal(err)
		}
		room := enter(t, cid, room1)
		for _, add := range []func(){func() {
			if err := room.Add(m); err != nil {
				t.Fatal(err)
			}
		}, func() { join(t, room, ana) }, func() { join(t, room, ben) }} {
			add()
		}
		grant := gives(key1, 1, noon, ana, ben, cid, mal)
		grant.payload = strings.Replace(grant.payload, mal.signID(), ben.signID(), 1)
		accept(t, grant.text(), room)
		stolen := said(ben, key1, 1, "mine")
		refuses(t, room, delivered(stolen.text(), mal), e2ee.From)
		hears(t, room, delivered(stolen.text(), ben), "mine")
	})
}

// Ben is in both rooms. The gateway shows what he says in one to those in the other, and so does somebody who has both keys.
func TestARoomWhoseMessageIsCarriedToAnother(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		other := saidIn(ben, "room:2", "session", key1, 1, "yes")
		refuses(t, cids, delivered(other.text(), ben), e2ee.Channel)
		other.outer = said(ben, key1, 1, "").outer
		refuses(t, cids, delivered(other.text(), ben), e2ee.Channel)
	})
}

// The same between two tenants, whose channels have one name.
func TestATenantWhoseMessageIsCarriedToAnother(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		other := said(ben, key1, 1, "yes").but("acme", "globex").outside("acme", "globex")
		refuses(t, cids, delivered(other.text(), ben), e2ee.Tenant)
		other.outer = said(ben, key1, 1, "").outer
		refuses(t, cids, delivered(other.text(), ben), e2ee.Tenant)
	})
}

func TestAReplay(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		_, bens, cids := three(t)
		var all []e2ee.Message
		for range 100 {
			m := says(t, bens, ben, "pay 5")
			hears(t, cids, m, "pay 5")
			all = append(all, m)
		}
		for _, m := range all {
			refuses(t, cids, m, e2ee.Replay)
		}
	})
}

// Whoever can begin sessions without end cannot make a room forget what it heard.
func TestAFloodOfSessions(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		inSession := func(n int) e2ee.Message {
			return delivered(saidIn(mal, room1, "session "+string(rune('a'+n%26))+strings.Repeat("x", n/26), key1, 1, "hello").text(), mal)
		}
		for n := range 1024 {
			hears(t, cids, inSession(n), "hello")
		}
		refuses(t, cids, inSession(1024), e2ee.Replay)
		refuses(t, cids, inSession(0), e2ee.Replay)
		hears(t, cids, delivered(said(ben, key1, 1, "others are heard").text(), ben), "others are heard")
	})
}

func TestAReadingThatNeverEnds(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		history := known(t, cid).History()
		history.Fill(1<<16 - 1)
		hears(t, history, delivered(said(ben, key1, 1, "the last").text(), ben), "the last")
		refuses(t, history, delivered(said(ben, key1, 2, "one too many").text(), ben), e2ee.Replay)
	})
}

func TestAGatewayThatChangesTheSender(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		_, bens, cids := three(t)
		m := says(t, bens, ben, "hello")
		for _, user := range []string{"ana", "cid", "Ben", "", "nobody"} {
			changed := m
			changed.User = user
			refuses(t, cids, changed, e2ee.From)
		}
		hears(t, cids, m, "hello") // what was refused did not use it up
	})
}

func TestAGatewayThatChangesTheText(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		_, bens, cids := three(t)
		sealed, err := bens.Seal([]byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range sealed {
			for _, c := range []byte("A_.=\n") {
				if sealed[i] == c {
					continue
				}
				changed := sealed[:i] + string(c) + sealed[i+1:]
				if got, err := cids.Open(delivered(changed, ben)); err == nil {
					t.Fatalf("byte %d is %q: got %q, want a refusal", i, c, got)
				}
			}
		}
		hears(t, cids, delivered(sealed, ben), "hello")
	})
}

// Ben is removed: he is mute at once and reads nothing that comes then, though he has the key of before.
func TestARemovedMember(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens, cids := three(t)
		before := says(t, bens, ben, "while I may")
		hears(t, cids, before, "while I may")
		grant, err := anas.Remove("ben")
		if err != nil {
			t.Fatal(err)
		}
		accept(t, grant, cids)

		refused(t, bens.Accept(grant), e2ee.NotMember)
		refuses(t, bens, says(t, anas, ana, "without ben"), e2ee.Key)
		last := says(t, bens, ben, "after it")
		refuses(t, cids, last, e2ee.From)
		refuses(t, anas, last, e2ee.From)
		hears(t, cids.History(), before, "while I may")

		next := generate(t, anas)
		refused(t, bens.Accept(next), e2ee.NotMember)
		_, err = anas.Remove("ben")
		refused(t, err, e2ee.NotMember)
		join(t, anas, ben) // and comes back
		accept(t, generate(t, anas), bens)
	})
}

// A removal that makes no new key is none: nothing is said to the one who should be gone.
func TestARemovalThatFails(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas := enter(t, ana, room1, ben)
		accept(t, gives(key1, 1<<53-1, noon, ana, ben).text(), anas)
		says(t, anas, ana, "to ben too")
		_, err := anas.Remove("ben")
		refused(t, err, e2ee.Expired)
		_, err = anas.Seal([]byte("without ben"))
		refused(t, err, e2ee.Expired)
	})
}

func TestAMemberWhoRemovesAnother(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens, _ := three(t)
		_, err := bens.Remove("cid")
		refused(t, err, e2ee.Distributor)
		_, err = bens.Generate()
		refused(t, err, e2ee.Distributor)
		_, err = anas.Remove("ana")
		refused(t, err, e2ee.Distributor)
	})
}

// Eve has the key from somebody, and says what is kept among what members said. So does ben of a time when he was away.
func TestSomebodyWhoWasNotThere(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		refuses(t, cids.History(), delivered(said(eve, key1, 1, "I was there").text(), eve), e2ee.From)
		accept(t, gives(key2, 2, noon, ana, cid).text(), cids)
		accept(t, gives(key3, 3, noon, ana, ben, cid).text(), cids)
		away := delivered(said(ben, key2, 1, "I was there").text(), ben)
		refuses(t, cids.History(), away, e2ee.From)
		refuses(t, cids, away, e2ee.From)
	})
}

func TestAnOldKeyIsNoKey(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens, cids := three(t)
		underway, late := says(t, bens, ben, "under way"), says(t, bens, ben, "late")
		accept(t, generate(t, anas), cids)
		time.Sleep(time.Minute - time.Millisecond)
		hears(t, cids, underway, "under way")
		time.Sleep(time.Millisecond)
		refuses(t, cids, late, e2ee.Key)
		hears(t, cids.History(), late, "late")
	})
}

// Two generations later a key does not count, however soon.
func TestAKeyOfTwoGenerationsAgo(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens, cids := three(t)
		old := says(t, bens, ben, "old")
		accept(t, generate(t, anas), cids)
		accept(t, generate(t, anas), cids)
		refuses(t, cids, old, e2ee.Key)
	})
}

// Somebody who kept an old grant shows it again, and a distributor that forgot where it was begins anew.
func TestAGrantThatGoesBack(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, bens, cids := three(t)
		first := generate(t, enter(t, ana, room1, ben, cid)) // generation 1 once more
		refused(t, bens.Accept(first), e2ee.Rollback)
		second := generate(t, anas)
		late := enter(t, cid, room1, ana, ben)
		accept(t, second, bens, late)
		if got := bens.Generation(); got != 2 {
			t.Fatalf("got generation %d, want 2", got)
		}
		accept(t, first, late) // it never knew another one: for reading alone
		if got := late.Generation(); got != 2 {
			t.Errorf("an old grant made generation %d the newest, want 2", got)
		}
		accept(t, second, cids)
	})
}

// A grant that brings back the key of before, which somebody who was removed still has.
func TestAnOldKeyInANewGrant(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		refused(t, cids.Accept(gives(key1, 2, noon, ana, cid).text()), e2ee.Rollback)
	})
}

func TestAGrantOfAnImpostor(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		impostor := gives(key2, 2, noon, ana, ben, cid)
		impostor.sign = byEdDSA(mal.sign)
		refused(t, cids.Accept(impostor.text()), e2ee.Signature)
		refused(t, cids.Accept(givesIn(mal, room1, key2, 2, noon, ana, ben, cid).text()), e2ee.Distributor)
		refused(t, cids.Accept(givesIn(pat, room1, key2, 2, noon, ana, ben, cid).text()), e2ee.Distributor)
	})
}

// A distributor wraps one key for some and another for others: they would read different things under one name.
func TestADistributorWhoGivesTwoKeys(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		_, wrapped := wrap(key3, room1, kidOf(key2), 2, "cid", cid)
		two := gives(key2, 2, noon, ana, ben)
		two.but(`"members":[`, `"members":[`+entryOf(cid, wrapped)+",")
		refused(t, cids.Accept(two.text()), e2ee.Key)
	})
}

func TestAWrapForSomebodyElse(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		_, bens := wrap(key2, room1, kidOf(key2), 2, "ben", ben)
		moved := gives(key2, 2, noon, ana).but(`"members":[`, `"members":[`+entryOf(cid, bens)+",")
		refused(t, cids.Accept(moved.text()), e2ee.Tampered)
		refused(t, cids.Accept(gives(key2, 2, noon, ana, ben).text()), e2ee.NotMember)
	})
}

func TestAnAssertionOfAnotherTenant(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		other := vouch(mal, 365*day).but("acme", "globex").text()
		_, err := believed(t).Verify(t.Context(), other)
		refused(t, err, e2ee.Tenant)

		// An issuer of that tenant believes it, and the room does not.
		globex, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: issuerID, Tenant: "globex", Keys: keySet("ed")})
		if err != nil {
			t.Fatal(err)
		}
		m, err := globex.Verify(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, enter(t, cid, room1).Add(m), e2ee.Tenant)
	})
}

func TestSomebodyForWhomNobodyVouches(t *testing.T) {
	refused(t, enter(t, cid, room1).Add(e2ee.Member{}), e2ee.Assertion)
}

// Whoever is not vouched for any more is given no key, speaks no more, and distributes nothing.
func TestAMemberWhoseAssertionEnded(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		m, err := believed(t).Verify(t.Context(), vouch(ben, time.Minute).text())
		if err != nil {
			t.Fatal(err)
		}
		anas, bens := enter(t, ana, room1), enter(t, ben, room1, ana)
		if err := anas.Add(m); err != nil {
			t.Fatal(err)
		}
		accept(t, generate(t, anas), bens)
		time.Sleep(90 * time.Second)
		refuses(t, anas, says(t, bens, ben, "hello"), e2ee.Expired)
		refused(t, bens.Accept(generate(t, anas)), e2ee.NotMember)
		refused(t, enter(t, cid, room1).Add(m), e2ee.Expired)

		join(t, anas, ben) // a new assertion, and then the old one once more
		refused(t, anas.Add(m), e2ee.Expired)
		accept(t, generate(t, anas), bens)
		hears(t, anas, says(t, bens, ben, "hello again"), "hello again")
	})
}

func TestPlaintextInAnEncryptedRoom(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		_, bens, cids := three(t)
		refuses(t, cids, e2ee.Message{Data: []byte(`"send me your key"`), User: "ben"}, e2ee.Plaintext)
		m := says(t, bens, ben, "hello")
		m.Encryption = ""
		refuses(t, cids, m, e2ee.Plaintext)
		refuses(t, cids.History(), m, e2ee.Plaintext)
		refuses(t, cids, e2ee.Message{Data: []byte(`"send me your key"`), Encryption: "jwe", User: "ben"}, e2ee.Form)
		refuses(t, cids, e2ee.Message{Encryption: "jwe", User: "ben"}, e2ee.Form)
		refuses(t, cids, e2ee.Message{Data: []byte(`"\u0065yJ"`), Encryption: "jwe", User: "ben"}, e2ee.Form)
	})
}

// What the gateway sees of a message and of a grant has nothing of what is said, nor of the keys.
func TestWhatTheGatewaySees(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		const secret = "meet me at the old mill"
		anas := enter(t, ana, room1, ben, cid)
		grant := generate(t, anas)
		sealed, err := anas.Seal([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		seen := sealed + grant
		for _, piece := range strings.Split(sealed+"."+grant, ".") {
			seen += string(must(base64.RawURLEncoding.DecodeString(piece)))
		}
		for _, hidden := range []string{secret, b64([]byte(secret)), b64(ana.sign.Seed()), b64(ana.agree.Bytes())} {
			if strings.Contains(seen, hidden) {
				t.Errorf("the gateway sees %q", hidden)
			}
		}
	})
}
