package blackbox_test

import (
	"fmt"
	"strings"
	"testing"
)

// droppingRooms are channels of each slow_reader, that keep a history or not.
var droppingRooms = tenantOptions{
	limits: noRates,
	more: `channels:
- { match: "room:drop_oldest:kept", slow_reader: drop_oldest, history: { messages: 10 } }
- { match: "room:drop_oldest:*", slow_reader: drop_oldest }
- { match: "room:conflate:kept", slow_reader: conflate, history: { messages: 10 } }
- { match: "room:conflate:*", slow_reader: conflate }
- { match: "room:disconnect:kept", slow_reader: disconnect, history: { messages: 10 } }
`,
}

// floods publishes count messages of 4 KiB, whose data begin with their numbers, on each channel. It returns when the gateway has taken all of them.
func (c *conn) floods(t *testing.T, count int, channels ...string) {
	t.Helper()
	for i := 1; i <= count; i++ {
		var frames []frame
		for _, name := range channels {
			frames = append(frames, text(fmt.Sprintf(`{"type":"publish","channel":%q,"data":"%d %s"}`, name, i, strings.Repeat("x", 4<<10))))
		}
		if err := c.put(frames...); err != nil {
			t.Fatal(err)
		}
	}
	c.does(`{"type":"ping","id":1}`)
}

// sum is what a subscriber heard of a channel: messages, gaps, and how many messages the gaps stand for.
type sum struct{ messages, gaps, missing int }

// hearsOrIsTold hears a channel up to a message, and wants each message once and in order, or a gap before the next one. Where the channel keeps a history the gap begins behind the last one that was heard, at offset
// at the first time, and the next one is the first that it does not speak of.
func (c *conn) hearsOrIsTold(t *testing.T, channel string, at float64, count int, kept bool) (got sum) {
	t.Helper()
	for last, told := 0, false; last < count; {
		e := c.hear()
		if e["channel"] != channel {
			t.Fatalf("got %.200v, want something of %s", e, channel)
		}
		switch e["type"] {
		case "gap":
			if !kept && (e["after"] != nil || e["before"] != nil || e["epoch"] != nil) || e["reason"] != "slow" {
				t.Fatalf("%s: got %v, want a gap without offsets", channel, e)
			}
			if kept {
				if e["after"] != at || e["epoch"] == nil || e["before"].(float64) <= at+1 {
					t.Fatalf("%s: got %v behind message %d, want a gap after %v", channel, e, last, at)
				}
				at = e["before"].(float64) - 1
			}
			got.gaps, told = got.gaps+1, true
		case "message":
			var n int
			fmt.Sscan(e["data"].(string), &n)
			if n <= last || n != last+1 != told {
				t.Fatalf("%s: got message %d behind %d, gap %v", channel, n, last, told)
			}
			if kept {
				if e["offset"].(float64) <= at || e["previous"].(float64) > at || !told && e["previous"] != at {
					t.Fatalf("%s: got offset %v, previous %v at %v, gap %v", channel, e["offset"], e["previous"], at, told)
				}
				at = e["offset"].(float64)
			}
			got.messages, got.missing = got.messages+1, got.missing+n-last-1
			last, told = n, false
		default:
			t.Fatalf("got %.200v", e)
		}
	}
	return got
}

// Clients stop reading, and their channels go on. Those whose channels drop messages for them stay, and what they get and what they are told is missing are all that was said: with a history to the number.
func TestSlowReadersAreToldWhatTheyMiss(t *testing.T) {
	count := 1500
	if raced { // nobody may leave the gateway waiting for ten seconds
		count = 600
	}
	for name, secured := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, options{tls: secured, acme: droppingRooms})
			token := acme.token("ana", roles("member"))
			rooms := []string{"room:drop_oldest:kept", "room:drop_oldest:plain", "room:conflate:kept", "room:conflate:plain", "room:disconnect:kept", "room:plain"}
			readers, begin := make([]*conn, len(rooms)), make([]float64, len(rooms))
			for i, room := range rooms {
				readers[i] = g.narrow(t, token)
				begin[i], _ = readers[i].does(`{"type":"subscribe","id":1,"channel":%q}`, room)["offset"].(float64)
			}
			closes, gaps := g.closes(t, "server", "slow_consumer"), g.mark(t, "portcullis_gaps_total", "reason", "slow")
			dropped := map[string]mark{}
			for _, way := range []string{"drop_oldest", "conflate"} {
				dropped[way] = g.mark(t, "portcullis_dropped_messages_total", "slow_reader", way)
			}
			g.dial(t, token).floods(t, count, rooms...)
			missing, told := map[string]int{}, 0
			for i, room := range rooms[:4] {
				_, way, _ := strings.Cut(room, ":")
				way, kind, _ := strings.Cut(way, ":")
				got := readers[i].hearsOrIsTold(t, room, begin[i], count, kind == "kept")
				if got.messages+got.missing != count || got.missing == 0 || got.gaps == 0 {
					t.Errorf("%s: got %+v, want some of %d and that the rest is missing", room, got, count)
				}
				if way == "conflate" && got.gaps > 40 || way == "drop_oldest" && got.gaps > 40 {
					t.Errorf("%s: %d gaps were told, want those of a client that stopped once to be joined", room, got.gaps)
				}
				t.Logf("%s: %+v", room, got)
				missing[way], told = missing[way]+got.missing, told+got.gaps
				readers[i].does(`{"type":"ping","id":2}`)
			}
			for way, m := range dropped {
				m.moved(t, float64(missing[way]))
			}
			gaps.moved(t, float64(told))
			closes.moved(t, 2)
		})
	}
}
