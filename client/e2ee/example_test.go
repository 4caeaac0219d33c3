package e2ee_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"portcullis/client/e2ee"
)

// Ana distributes the keys of room:1, and Ben is a member. What Ben seals travels over the gateway, which cannot read it.
func ExampleRoom() {
	backend := newBackend()
	ana, ben := newIdentity(), newIdentity()
	assertions := []string{backend.Assert("ana", ana), backend.Assert("ben", ben)}

	anas, err := enterRoom(backend, "ana", ana, assertions)
	if err != nil {
		log.Fatal(err)
	}
	bens, err := enterRoom(backend, "ben", ben, assertions)
	if err != nil {
		log.Fatal(err)
	}

	grant, err := anas.Generate() // to the members, over the team's backend or a channel of its own
	if err != nil {
		log.Fatal(err)
	}
	if err := bens.Accept(grant); err != nil {
		log.Fatal(err)
	}

	text, err := bens.Seal([]byte("meet me at the old mill"))
	if err != nil {
		log.Fatal(err)
	}
	// conn.Publish(ctx, "room:1", client.Sealed(text)), and then it arrives as
	m := e2ee.Message{Data: json.RawMessage(`"` + text + `"`), Encryption: "jwe", User: "ben"}

	said, err := anas.Open(m)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", m.User, said)

	_, err = anas.Open(m) // the gateway delivers it once more
	if refused, ok := errors.AsType[*e2ee.Error](err); ok {
		fmt.Println(refused.Reason)
	}

	// Output:
	// ben: meet me at the old mill
	// replay
}

// enterRoom makes a room for a user and adds the members that the backend vouches for.
func enterRoom(b *backendOfAnExample, user string, identity *e2ee.Identity, assertions []string) (*e2ee.Room, error) {
	room, err := e2ee.NewRoom(e2ee.RoomOptions{
		Tenant: "acme", Channel: "room:1", User: user, Identity: identity, Distributors: []string{"ana"},
	})
	if err != nil {
		return nil, err
	}
	issuer, err := e2ee.NewIssuer(e2ee.IssuerOptions{
		Issuer: "https://backend.example", Tenant: "acme",
		Keys: b.Keys(), // in a program: URL: "https://backend.example/jwks"
	})
	if err != nil {
		return nil, err
	}
	for _, assertion := range assertions {
		member, err := issuer.Verify(context.Background(), assertion)
		if err != nil {
			return nil, err
		}
		if err := room.Add(member); err != nil {
			return nil, err
		}
	}
	return room, nil
}

// Ben leaves: the key that comes then is not for him.
func ExampleRoom_Remove() {
	backend := newBackend()
	ana, ben := newIdentity(), newIdentity()
	assertions := []string{backend.Assert("ana", ana), backend.Assert("ben", ben)}
	anas, _ := enterRoom(backend, "ana", ana, assertions)
	bens, _ := enterRoom(backend, "ben", ben, assertions)
	first, _ := anas.Generate()
	_ = bens.Accept(first)

	next, err := anas.Remove("ben")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ana is at generation", anas.Generation())
	if refused, ok := errors.AsType[*e2ee.Error](bens.Accept(next)); ok {
		fmt.Println("ben:", refused.Reason)
	}

	// Output:
	// ana is at generation 2
	// ben: not_member
}

// A page was closed and opens again: it accepts the grant of before and reads what the channel kept.
func ExampleRoom_History() {
	backend := newBackend()
	ana, ben := newIdentity(), newIdentity()
	assertions := []string{backend.Assert("ana", ana), backend.Assert("ben", ben)}
	anas, _ := enterRoom(backend, "ana", ana, assertions)
	grant, _ := anas.Generate()
	text, _ := anas.Seal([]byte("while you were away"))
	kept := []e2ee.Message{{Data: json.RawMessage(`"` + text + `"`), Encryption: "jwe", User: "ana"}}

	bens, err := enterRoom(backend, "ben", ben, assertions)
	if err != nil {
		log.Fatal(err)
	}
	if err := bens.Accept(grant); err != nil {
		log.Fatal(err)
	}
	reading := bens.History()
	for _, m := range kept {
		said, err := reading.Open(m)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", m.User, said)
	}

	// Output:
	// ana: while you were away
}

// backendOfAnExample stands for the team's backend. It knows who its users are, and signs that these are their keys.
type backendOfAnExample struct{ key ed25519.PrivateKey }

func newBackend() *backendOfAnExample {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	return &backendOfAnExample{key}
}

// Assert says for a day whose keys an identity's are. The keys came from the user, over a connection on which the user was logged in.
func (b *backendOfAnExample) Assert(user string, identity *e2ee.Identity) string {
	claims, err := json.Marshal(map[string]any{
		"iss": "https://backend.example", "sub": user, "tenant": "acme",
		"iat": time.Now().Unix(), "exp": time.Now().Add(24 * time.Hour).Unix(),
		"keys": identity.Keys(),
	})
	if err != nil {
		log.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","typ":"e2ee-key+jwt","kid":"1"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(b.key, []byte(input)))
}

// Keys is what it publishes at its jwks address.
func (b *backendOfAnExample) Keys() []byte {
	x := base64.RawURLEncoding.EncodeToString(b.key.Public().(ed25519.PublicKey))
	return []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"` + x + `"}]}`)
}

func newIdentity() *e2ee.Identity {
	identity, err := e2ee.NewIdentity()
	if err != nil {
		log.Fatal(err)
	}
	return identity
}
