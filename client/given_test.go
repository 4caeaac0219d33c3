package client_test

import (
	"net"
	"testing"

	"portcullis/client"
)

// Over a whole gateway: what it subscribes a user to by itself is heard without asking, and no message is missed between two connections. A Conn and a
// Client without OnFeed take it over by Subscribe.
func TestWhatAGatewayChooses(t *testing.T) {
	address, issuer := startNode(t)
	proxy := &lines{address: address, now: make(map[net.Conn]net.Conn)}
	given := make(chan *client.Feed, 10)
	lastingWith(t, issuer, "ana", proxy, func(c *client.Config) { c.OnFeed = func(f *client.Feed) { given <- f } })
	ben := lasting(t, issuer, "ben", &lines{address: address, now: make(map[net.Conn]net.Conn)})
	feed := <-given
	say := func(text string) {
		t.Helper()
		if _, err := ben.Publish(t.Context(), "room:chosen", text); err != nil {
			t.Fatal(err)
		}
	}
	hears := func(f *client.Feed, want string) {
		t.Helper()
		if m, err := f.Next(t.Context()); err != nil || string(m.Data) != `"`+want+`"` || m.Channel != "room:chosen" {
			t.Errorf("got %s on %s, %v; want %s", m.Data, m.Channel, err, want)
		}
	}
	say("one")
	hears(feed, "one")
	proxy.cutAll()
	say("two") // while she is away, most likely
	hears(feed, "two")
	say("three")
	hears(feed, "three")

	own, err := ben.Subscribe(t.Context(), "room:chosen", client.FeedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	say("four")
	hears(own, "four")
	if err := feed.Unsubscribe(t.Context()); err != nil {
		t.Error(err)
	}

	conn, err := client.Dial(t.Context(), client.Options{URL: "ws://" + address, Token: tokenOf(issuer, "cat")})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if all := conn.Welcome().Chosen; len(all) != 1 || all[0].Channel != "room:chosen" || all[0].Epoch == "" {
		t.Errorf("got %+v, want room:chosen and its position", all)
	}
	taken, err := conn.Subscribe(t.Context(), "room:chosen")
	if err != nil {
		t.Fatal(err)
	}
	say("five")
	if m, err := taken.Next(t.Context()); err != nil || string(m.Data) != `"five"` {
		t.Errorf("got %s, %v; want five", m.Data, err)
	}
	if err := taken.Unsubscribe(t.Context()); err != nil {
		t.Error(err)
	}
	if len(given) > 0 {
		t.Error("a feed was given again")
	}
}
