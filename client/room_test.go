package client_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"portcullis/client"
	"portcullis/client/e2ee"
)

// backend vouches for the keys of members, as a team's own does.
type backend struct{ private ed25519.PrivateKey }

func base64url(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

func (b backend) issuer(t *testing.T) *e2ee.Issuer {
	t.Helper()
	keys := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k","x":"%s"}]}`, base64url(b.private.Public().(ed25519.PublicKey)))
	i, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: "https://backend.example", Tenant: "acme", Keys: []byte(keys)})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (b backend) assertion(t *testing.T, user string, i *e2ee.Identity) string {
	t.Helper()
	claims, err := json.Marshal(map[string]any{"iss": "https://backend.example", "sub": user, "tenant": "acme", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "keys": i.Keys()})
	if err != nil {
		t.Fatal(err)
	}
	text := base64url([]byte(`{"typ":"e2ee-key+jwt","alg":"EdDSA","kid":"k"}`)) + "." + base64url(claims)
	return text + "." + base64url(ed25519.Sign(b.private, []byte(text)))
}

// rooms are one channel as each of some users sees it, the first of whom gave the key.
func rooms(t *testing.T, channel string, users ...string) (all []*e2ee.Room) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := backend{private}
	var members []e2ee.Member
	for _, user := range users {
		identity, err := e2ee.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		room, err := e2ee.NewRoom(e2ee.RoomOptions{Tenant: "acme", Channel: channel, User: user, Identity: identity, Distributors: users[:1]})
		if err != nil {
			t.Fatal(err)
		}
		member, err := b.issuer(t).Verify(t.Context(), b.assertion(t, user, identity))
		if err != nil {
			t.Fatal(err)
		}
		all, members = append(all, room), append(members, member)
	}
	for _, room := range all {
		for _, m := range members {
			if err := room.Add(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	grant, err := all[0].Generate()
	for _, room := range all[1:] {
		err = errors.Join(err, room.Accept(grant))
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func opens(r interface {
	Open(e2ee.Message) ([]byte, error)
}, m client.Message) (string, error) {
	text, err := r.Open(e2ee.Message{Data: m.Data, Encryption: m.Encryption, User: m.From.User})
	return string(text), err
}

// Members talk past a gateway that takes nothing but what they encrypt. It cannot read it, keeps it from other channels, and names whoever says it: so nobody says again what another said.
func TestARoomOverAGateway(t *testing.T) {
	address, issuer := startNode(t)
	proxy := &lines{address: address, now: make(map[net.Conn]net.Conn)}
	ana, ben := lasting(t, issuer, "ana", proxy), lasting(t, issuer, "ben", proxy)
	room := rooms(t, "vault:1", "ana", "ben")
	feed, err := ben.Subscribe(t.Context(), "vault:1", client.FeedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []client.Sealed
	for _, said := range []string{"hello", "are you there?"} {
		text, err := room[0].Seal([]byte(said))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ana.Publish(t.Context(), "vault:1", client.Sealed(text)); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, client.Sealed(text))
		m, err := feed.Next(t.Context())
		if err != nil || m.From.User != "ana" || strings.Contains(string(m.Data), said) {
			t.Fatalf("got %+v, %v; want what ana said, and nothing to read", m, err)
		}
		if got, err := opens(room[1], m); err != nil || got != said {
			t.Errorf("ben reads %q, %v; want %q", got, err, said)
		}
	}
	// What ana said comes through once more, from ben: the gateway says so, and ana does not believe that it is theirs.
	if _, err := ben.Publish(t.Context(), "vault:1", texts[0]); err != nil {
		t.Fatal(err)
	}
	m, err := feed.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = opens(room[0], m)
	if refused := (*e2ee.Error)(nil); !errors.As(err, &refused) || refused.Reason != e2ee.From {
		t.Errorf("ben says what ana said: got %v, want it refused for its sender", err)
	}
	for name, publish := range map[string]func() error{
		"in the clear":       func() error { _, err := ana.Publish(t.Context(), "vault:1", "hello"); return err },
		"on another channel": func() error { _, err := ben.Publish(t.Context(), "vault:2", texts[0]); return err },
	} {
		err := publish()
		if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code != "encryption_required" {
			t.Errorf("%s: got %v, want encryption_required", name, err)
		}
	}
	read, past := "", room[1].History()
	for m, err := range ben.History(t.Context(), "vault:1", client.HistoryOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if text, err := opens(past, m); err == nil {
			read += text + "\n"
		}
	}
	if want := "hello\nare you there?\n"; read != want {
		t.Errorf("the history reads %q, want %q", read, want)
	}
}
