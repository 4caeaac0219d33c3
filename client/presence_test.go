package client_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"portcullis/client"
)

// Over a whole gateway: who comes is told, who is there is listed, and both are told to be old when a connection was replaced.
func TestWhoComesIsToldAndListed(t *testing.T) {
	address, issuer := startNode(t)
	proxy := &lines{address: address, now: make(map[net.Conn]net.Conn)}
	ana, ben := lasting(t, issuer, "ana", proxy), lasting(t, issuer, "ben", proxy)
	events := make(chan string, 10)
	feed, err := ana.Subscribe(t.Context(), "room:1", client.FeedOptions{OnPresence: func(e client.PresenceEvent) {
		events <- fmt.Sprint(e.Kind, " ", e.Member.User)
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	read := make(chan struct{})
	go func() {
		defer close(read)
		feed.Next(ctx)
	}()
	defer func() { stop(); <-read }()
	wait := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-events:
				if got == want {
					return
				}
			case <-t.Context().Done():
				t.Fatalf("%s was not told", want)
			}
		}
	}
	wait("anew ")
	if _, err := ben.Subscribe(t.Context(), "room:1", client.FeedOptions{}); err != nil {
		t.Fatal(err)
	}
	wait("join ben")
	p, err := ana.Presence(t.Context(), "room:1")
	users := make(map[string]bool)
	for _, m := range p.Members {
		users[m.User] = true
	}
	if err != nil || p.Count != 2 || !users["ana"] || !users["ben"] {
		t.Errorf("got %+v, %v; want ana and ben", p, err)
	}
	proxy.cutAll()
	wait("anew ")
}

// Over a whole gateway: bytes are bytes again, also out of history, and history is read in both directions.
func TestBytesAndHistoryOverAGateway(t *testing.T) {
	address, issuer := startNode(t)
	proxy := &lines{address: address, now: make(map[net.Conn]net.Conn)}
	ana := lasting(t, issuer, "ana", proxy)
	feed, err := ana.Subscribe(t.Context(), "room:1", client.FeedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var last client.Published
	for n := range 5 {
		if last, err = ana.Publish(t.Context(), "room:1", client.Binary{0, 255, byte(n)}); err != nil {
			t.Fatal(err)
		}
	}
	m, err := feed.Next(t.Context())
	if err != nil || string(m.Binary) != "\x00\xff\x00" || m.Data != nil {
		t.Errorf("got %+v, %v; want the first three bytes", m, err)
	}
	for _, reverse := range []bool{false, true} {
		var got []byte
		for m, err := range ana.History(t.Context(), "room:1", client.HistoryOptions{Page: 2, Reverse: reverse}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '0'+m.Binary[2])
		}
		if want := map[bool]string{false: "01234", true: "43210"}[reverse]; string(got) != want {
			t.Errorf("reverse %v: got %s, want %s", reverse, got, want)
		}
	}
	for m, err := range ana.History(t.Context(), "room:1", client.HistoryOptions{Since: last.Position}) {
		t.Errorf("got %+v, %v; want nothing after the last", m, err)
	}
	if _, err := ana.Publish(t.Context(), "bare:1", 1); err != nil {
		t.Errorf("publish without history: got %v", err)
	}
}
