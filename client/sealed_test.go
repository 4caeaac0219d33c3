package client_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"portcullis/client"
)

// sealedFor is an envelope of that tenant and channel.
func sealedFor(tenant, channel string) client.Sealed {
	header := fmt.Sprintf(`{"alg":"dir","enc":"A256GCM","kid":"%s","tenant":%q,"channel":%q,"cty":"JWS"}`, strings.Repeat("A", 43), tenant, channel)
	return client.Sealed(base64.RawURLEncoding.EncodeToString([]byte(header)) + "..AAAAAAAAAAAAAAAA.c2VjcmV0.AAAAAAAAAAAAAAAAAAAAAA")
}

// Over a whole gateway: what is sealed goes as it is, says so where it is heard and read, and nothing else goes on a channel that asks for it.
func TestSealedDataOverAGateway(t *testing.T) {
	address, issuer := startNode(t)
	ana := lasting(t, issuer, "ana", &lines{address: address, now: make(map[net.Conn]net.Conn)})
	feed, err := ana.Subscribe(t.Context(), "vault:1", client.FeedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sealed := sealedFor("acme", "vault:1")
	if _, err := ana.Publish(t.Context(), "vault:1", sealed); err != nil {
		t.Fatal(err)
	}
	want := `"` + string(sealed) + `"`
	m, err := feed.Next(t.Context())
	if err != nil || string(m.Data) != want || m.Encryption != "jwe" {
		t.Errorf("heard %+v, %v; want %s and jwe", m, err, want)
	}
	read(t, ana, "vault:1", want, "jwe")
	for name, data := range map[string]any{"plaintext": "hi", "the same as a plain text": string(sealed), "bytes": client.Binary("hi"), "of another channel": sealedFor("acme", "vault:2")} {
		_, err := ana.Publish(t.Context(), "vault:1", data)
		if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code != "encryption_required" {
			t.Errorf("%s: got %v, want encryption_required", name, err)
		}
	}
	if _, err := ana.Publish(t.Context(), "room:1", "hi"); err != nil {
		t.Fatal(err)
	}
	read(t, ana, "room:1", `"hi"`, "")
}

// read wants a channel to keep one message.
func read(t *testing.T, k *client.Client, channel, data, encryption string) {
	t.Helper()
	n := 0
	for m, err := range k.History(t.Context(), channel, client.HistoryOptions{}) {
		if n++; err != nil || string(m.Data) != data || m.Encryption != encryption {
			t.Errorf("read %+v, %v; want %s with %q", m, err, data, encryption)
		}
	}
	if n != 1 {
		t.Errorf("read %d messages, want 1", n)
	}
}

// An echo of what is sealed comes back as it went.
func TestASealedEcho(t *testing.T) {
	address, issuer := startNode(t)
	conn, err := client.Dial(t.Context(), client.Options{URL: "ws://" + address, Token: tokenOf(issuer, "ana")})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sealed := sealedFor("acme", "vault:1")
	if got, err := conn.Echo(t.Context(), "vault:1", sealed); err != nil || string(got) != `"`+string(sealed)+`"` {
		t.Errorf("got %s, %v; want what was sent", got, err)
	}
	_, err = conn.Echo(t.Context(), "vault:1", "hi")
	if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Code != "encryption_required" {
		t.Errorf("in the clear: got %v, want encryption_required", err)
	}
}
