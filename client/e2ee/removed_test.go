package e2ee_test

import (
	"testing"
	"time"

	"portcullis/client/e2ee"
)

// thief is ben's lost device: the same user with other keys, which somebody else has now.
var thief = person{"ben", newPerson("thief").sign, newPerson("thief").agree}

// Ben's device was lost. Ana takes ben out and ben comes back with other keys: the old ones are given nothing, and are not heard.
func TestADeviceThatWasLost(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas, lost := enter(t, ana, room1, thief), enter(t, thief, room1, ana)
		accept(t, generate(t, anas), lost)
		if _, err := anas.Remove("ben"); err != nil {
			t.Fatal(err)
		}
		join(t, anas, ben)
		next, bens := generate(t, anas), enter(t, ben, room1, ana)
		accept(t, next, bens)
		refused(t, lost.Accept(next), e2ee.NotMember)
		hears(t, anas, says(t, bens, ben, "it is me"), "it is me")
		refuses(t, anas, says(t, lost, thief, "it is me"), e2ee.Key)
	})
}

// Two distribute. Whom the one takes out gives it no keys any more, also where the grant was made before.
func TestAGrantOfARemovedDistributor(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas := distributed(t, ana, "ana", "ben")
		join(t, anas, ben)
		generate(t, anas)
		if _, err := anas.Remove("ben"); err != nil {
			t.Fatal(err)
		}
		refused(t, anas.Accept(givesIn(ben, room1, key3, 3, time.Now(), ana, ben).text()), e2ee.Distributor)
		join(t, anas, ben)
		generate(t, anas)
		accept(t, givesIn(ben, room1, key3, 4, time.Now(), ana, ben).text(), anas)
	})
}

// Ben distributes too, and was taken out by ana. He gives everybody a key once more, and so comes back: to those who have the generation without him he is nobody.
func TestARemovedDistributorWhoTakesTheRoomBack(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := distributed(t, cid, "ana", "ben")
		join(t, cids, ana)
		join(t, cids, ben)
		accept(t, gives(key1, 1, noon, ana, ben, cid).text(), cids)
		accept(t, gives(key3, 3, noon, ana, cid).text(), cids)
		refused(t, cids.Accept(givesIn(ben, room1, key4, 4, noon, ana, ben, cid).text()), e2ee.Distributor)
		accept(t, givesIn(ben, room1, key2, 2, noon, ana, ben, cid).text(), cids) // from before: for reading
		if got := cids.Generation(); got != 3 {
			t.Errorf("got generation %d, want 3", got)
		}
	})
}

// Two distribute, and one was not told that ben was taken out: the next generation has him once more. Ana says nothing under it.
func TestADistributorWhoWasNotTold(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		anas := distributed(t, ana, "ana", "cid")
		join(t, anas, ben)
		join(t, anas, cid)
		generate(t, anas)
		if _, err := anas.Remove("ben"); err != nil {
			t.Fatal(err)
		}
		accept(t, givesIn(cid, room1, key3, 3, time.Now(), ana, ben, cid).text(), anas)
		_, err := anas.Seal([]byte("he is out"))
		refused(t, err, e2ee.Expired)
		refuses(t, anas, delivered(said(ben, key3, 1, "I am not").text(), ben), e2ee.From)
		generate(t, anas)
		if _, err := anas.Seal([]byte("he is out")); err != nil {
			t.Errorf("got %v, want a message under the key that ben has not", err)
		}
	})
}

// distributed is room:1 as p sees it, with these distributors.
func distributed(t testing.TB, p person, distributors ...string) *e2ee.Room {
	t.Helper()
	identity, err := e2ee.ParseIdentity([]byte(p.identity()))
	if err != nil {
		t.Fatal(err)
	}
	room, err := e2ee.NewRoom(e2ee.RoomOptions{Tenant: tenantID, Channel: room1, User: p.user, Identity: identity, Distributors: distributors})
	if err != nil {
		t.Fatal(err)
	}
	return room
}
