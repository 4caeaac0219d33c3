package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/gateway"
	"portcullis/internal/realm"
	"portcullis/internal/session"
)

const (
	unlimited = `
    limits: {connections: unlimited, connections_per_user: unlimited, connections_per_second: unlimited, subscriptions: unlimited, subscriptions_per_connection: unlimited, channels: unlimited, messages_per_second: unlimited,
      messages_per_second_per_user: unlimited, messages_per_second_per_connection: unlimited, bytes_per_second: unlimited,
      bytes_per_second_per_connection: unlimited}`
	everything = unlimited + `
    rules: [{name: all, allow: [subscribe, publish, echo], channels: ["**"]}]`
)

// allBut is acme where nobody may hear the channels of a pattern.
func allBut(pattern string) string {
	return everything[:len(everything)-1] + fmt.Sprintf(`, {name: taken, deny: [subscribe], channels: [%q]}]`, pattern)
}

// apply makes s what the world is, for those who are in too.
func (d *edge) apply(t testing.TB, s *realm.Snapshot) gateway.Applied {
	t.Helper()
	d.realms.Swap(s)
	a, err := d.Apply(t.Context())
	if err != nil {
		t.Error(err)
	}
	return a
}

// channels are what the gateway says that a connection is subscribed to.
func (d *edge) channels(id string) (names []string) {
	d.Roster().Each(func(s *session.Session) {
		if s.ID() == id {
			for _, n := range s.Channels() {
				names = append(names, n.String())
			}
		}
	})
	slices.Sort(names)
	return names
}

func subscribe(id int, channel string) string {
	return fmt.Sprintf(`{"type":"subscribe","id":%d,"channel":%q}`, id, channel)
}

const ping = `{"type":"ping","id":99}`

// ana loses one of her two rooms, and is told so once; bob, who had the other, hears nothing of it.
func TestAChangedPolicyReachesWhoeverIsIn(t *testing.T) {
	d := openAs(t, everything)
	ana, bob := d.comes(t, d.token("ana")), d.comes(t, d.token("bob"))
	ana.say(subscribe(1, "room:1"), subscribe(2, "room:2"), ping)
	bob.say(subscribe(1, "room:2"), ping)
	for _, l := range []*line{ana, bob} {
		if _, _, err := l.until(99); err != nil {
			t.Fatal(err)
		}
	}
	if a := d.apply(t, d.snapshot(everything)); a.Lost != 0 || a.Ended != 0 || a.Connections != 2 {
		t.Errorf("the same rules: got %+v, want nothing lost", a)
	}
	if a := d.apply(t, d.snapshot(allBut("room:1"))); a.Lost != 1 || a.Ended != 0 {
		t.Errorf("got %+v, want one subscription lost", a)
	}
	ana.say(`{"type":"publish","id":3,"channel":"room:1","data":1}`, subscribe(4, "room:1"), ping)
	before, _, err := ana.until(99)
	if want := (heard{Type: "unsubscribed", Channel: "room:1", Code: "forbidden"}); err != nil || len(before) != 3 || before[0].Type != want.Type ||
		before[0].Channel != want.Channel || before[0].Code != want.Code || before[1].Type != "ok" || before[2].Code != "forbidden" {
		t.Errorf("ana hears %+v, %v; want %+v once, the ok of what she published, and that she may not subscribe", before, err, want)
	}
	bob.say(ping)
	if before, _, err := bob.until(99); err != nil || len(before) != 0 {
		t.Errorf("bob hears %+v, %v; want nothing", before, err)
	}
	for l, want := range map[*line]string{ana: "[room:2]", bob: "[room:2]"} {
		if got := fmt.Sprint(d.channels(l.id)); got != want {
			t.Errorf("subscribed to %s, want %s", got, want)
		}
	}
}

func TestAChangedTenantEndsWhomItDoesNotBelieveAnyMore(t *testing.T) {
	for name, tt := range map[string]struct {
		tenants func(d *edge) string
		code    int
	}{
		"the tenant is gone": {func(d *edge) string {
			return `
  - id: globex
    issuers: [{issuer: "https://id.globex.example", audience: portcullis, jwks_file: "` + d.keys + `"}]` + everything
		}, 4501},
		"another issuer": {func(d *edge) string {
			return `
  - id: acme
    issuers: [{issuer: "https://id2.acme.example", audience: portcullis, jwks_file: "` + d.keys + `"}]` + everything
		}, 4202},
		"another audience": {func(d *edge) string {
			return `
  - id: acme
    issuers: [{issuer: "https://id.acme.example", audience: chat, jwks_file: "` + d.keys + `"}]` + everything
		}, 4202},
	} {
		t.Run(name, func(t *testing.T) {
			d := openAs(t, everything)
			ana := d.comes(t, d.token("ana"))
			if a := d.apply(t, d.world(tt.tenants(d))); a.Ended != 1 {
				t.Errorf("got %+v, want one ended", a)
			}
			if code, err := ana.end(); err != nil || code != tt.code {
				t.Errorf("got %d, %v; want %d", code, err, tt.code)
			}
		})
	}
}

// A mirror does one thing. Each message is held to the rules; who may not echo any more is sent away with the next.
func TestAMirrorIsHeldToTheRulesOfTheMoment(t *testing.T) {
	d := openAs(t, everything)
	conn, err := d.net.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l := &line{Conn: conn, in: newReader(conn)}
	if _, err := conn.Write([]byte(d.handshake("Sec-WebSocket-Protocol: portcullis.echo.v1"))); err != nil {
		t.Fatal(err)
	}
	if err := l.skipHeaders(); err != nil {
		t.Fatal(err)
	}
	l.say("one")
	if got, err := l.frame(); err != nil || string(got) != "one" {
		t.Fatalf("got %q, %v", got, err)
	}
	d.apply(t, d.snapshot(strings.Replace(everything, "publish, echo", "publish", 1)))
	l.say("two")
	if got, err := l.frame(); err == nil || err.Error() != closed(4500).Error() {
		t.Errorf("got %q, %v; want the end with 4500", got, err)
	}
}
