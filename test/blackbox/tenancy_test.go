package blackbox_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Both tenants have the same rules, and both of ana's clients use the same names. Nothing that one of them says or does on a name reaches the other.
func TestATokenOnAnotherTenantsChannels(t *testing.T) {
	g := unbounded(t)
	names := roomNames(200)
	ours, theirs := g.dial(t, acme.token("ana", roles("member"))), g.dial(t, globex.token("ana", roles("member")))
	for id, name := range names {
		for _, c := range []*conn{ours, theirs} {
			c.does(`{"type":"subscribe","id":%d,"channel":%q}`, id+1, name)
		}
	}
	for id, name := range names {
		publish := func(c *conn, data string) {
			t.Helper()
			c.does(`{"type":"publish","id":%d,"channel":%q,"data":%q}`, id+1, name, data)
		}
		publish(theirs, "theirs")
		theirs.hears(t, name, "theirs") // what is on its way when they leave may not arrive
		publish(ours, "ours")
		theirs.does(`{"type":"echo","id":%d,"channel":%q,"data":"an echo"}`, id+1, name)
		// Their goodbye to the name is not ours.
		theirs.does(`{"type":"unsubscribe","id":%d,"channel":%q}`, id+1, name)
		publish(theirs, "on a channel that they left")
		publish(ours, "ours again")
		ours.hears(t, name, "ours")
		ours.hears(t, name, "ours again")
	}
	for _, c := range []*conn{ours, theirs} {
		c.does(`{"type":"ping","id":999}`) // everything before it has been delivered
		c.silent(0)
	}
}

// hears wants a message of the client's own to be the next on a channel.
func (c *conn) hears(t *testing.T, channel, data string) {
	t.Helper()
	got := c.hear()
	delete(got, "time")
	from := map[string]any{"user": c.welcome["user"], "connection": c.welcome["connection"]}
	if want := (entry{"type": "message", "channel": channel, "from": from, "data": data}); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// roomNames returns n names below room, some of which look as if they named a tenant.
func roomNames(n int) []string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~@+=|"
	special := []string{"globex", "acme", "tenant", "%2A", "%3A", "%24sys", "..", ".", "~", "acme|room", "globex%3Aroom"}
	names := make(map[string]bool)
	for len(names) < n {
		segments := []string{"room"}
		for range 1 + rand.IntN(14) {
			segment := make([]byte, 1+rand.IntN(12))
			for i := range segment {
				segment[i] = letters[rand.IntN(len(letters))]
			}
			if s := string(segment); rand.IntN(3) > 0 {
				segments = append(segments, s)
			} else {
				segments = append(segments, special[rand.IntN(len(special))])
			}
		}
		if segments[1] != "ops" {
			names[strings.Join(segments, ":")] = true
		}
	}
	return slices.Collect(maps.Keys(names))
}

// A user may not find out by asking what exists: a channel that is forbidden, one that nobody has, one that the other tenant has, one that a
// rule denies and one that no rule mentions have the same answer, but for the name.
func TestForbiddenAndAbsentLookTheSame(t *testing.T) {
	g := unbounded(t)
	for p, name := range map[*party]string{acme: "ops:ours", globex: "ops:theirs"} {
		g.dial(t, p.token("olga", roles("operator"))).does(`{"type":"subscribe","id":1,"channel":%q}`, name)
	}
	g.dial(t, acme.token("bob")).does(`{"type":"subscribe","id":1,"channel":"user:bob:inbox"}`)
	g.subscribers(t, 1, acme.token("bob", roles("member")), "room:busy")
	names := []string{"ops:ours", "ops:theirs", "ops:nobodys", "user:bob:inbox", "user:nobody:inbox", "room:busy", "room:empty", "unheard:of", "globex:room:busy", "telemetry:1"}
	c := g.dial(t, acme.token("guest")) // no role
	for _, verb := range []string{
		`{"type":"subscribe","id":1,"channel":%q}`,
		`{"type":"subscribe","id":1,"channel":%q,"since":{"offset":1,"epoch":"x"}}`,
		`{"type":"publish","id":1,"channel":%q,"data":1}`,
		`{"type":"echo","id":1,"channel":%q,"data":1}`,
		`{"type":"unsubscribe","id":1,"channel":%q}`,
		`{"type":"history","id":1,"channel":%q}`,
		`{"type":"presence","id":1,"channel":%q}`,
	} {
		answers := make(map[string][]string)
		for _, name := range names {
			c.say(verb, name)
			answer := strings.ReplaceAll(c.verbatim(), name, "NAME")
			if !strings.HasPrefix(answer, `{"type":"error","id":1,"channel":"NAME","code":`) {
				t.Errorf(verb+": got %s, want an error", name, answer)
			}
			answers[answer] = append(answers[answer], name)
		}
		if len(answers) != 1 {
			t.Errorf("%s: the answers tell channels apart: %v", verb, answers)
		}
	}
}

// Who a message is from, and whose, is not the client's to say.
func TestASenderCannotBeForged(t *testing.T) {
	g := unbounded(t)
	token := acme.token("ana", roles("member"))
	mallory := g.dial(t, acme.token("mallory", roles("member")))
	ours := g.dial(t, token)
	theirs := g.dial(t, globex.token("ana", roles("member")))
	for _, c := range []*conn{ours, theirs} {
		c.does(`{"type":"subscribe","id":1,"channel":"room:forged"}`)
	}
	from := map[string]any{"user": "mallory", "connection": mallory.welcome["connection"]}
	for _, forged := range []string{
		`"tenant":"globex"`,
		`"from":{"user":"root","connection":"c_0","tenant":"globex"}`,
		`"tenant":"globex","from":{"user":"ana"},"user":"ana","connection":"c_0","segment":"ana","sub":"ana"`,
		`"Channel":"room:other","CHANNEL":"ops:x","channel ":"ops:x"`,
		`"offset":7,"previous":6,"epoch":"x","time":1`,
		`"message":{"type":"message"},"Data":0,"ref":{"tenant":"globex","name":"room:forged"}`,
	} {
		for _, request := range []string{
			`{"type":"publish","id":1,"channel":"room:forged","data":"it is me",` + forged + `}`,
			`{` + forged + `,"data":"it is me","channel":"room:forged","id":1,"type":"publish"}`,
		} {
			mallory.does("%s", request)
			heard := ours.hear()
			if _, ok := heard["time"].(float64); !ok || heard["time"].(float64) < 1e12 {
				t.Errorf("%s: the time of %v is not the gateway's", forged, heard)
			}
			delete(heard, "time")
			if want := (entry{"type": "message", "channel": "room:forged", "from": from, "data": "it is me"}); !reflect.DeepEqual(heard, want) {
				t.Errorf("%s: got %v, want %v", forged, heard, want)
			}
		}
	}
	// A member that counts may stand once, however it is spelled: readers would disagree which one counts.
	for _, twice := range []string{`"channel":"ops:x"`, `"ch\u0061nnel":"ops:x"`, `"data":"other"`, `"\u0064ata":"other"`, `"type":"echo"`, `"id":2`} {
		for _, request := range []string{
			`{"type":"publish","id":1,"channel":"room:forged","data":"twice",` + twice + `}`,
			`{` + twice + `,"type":"publish","id":1,"channel":"room:forged","data":"twice"}`,
		} {
			mallory.say("%s", request)
			if e := mallory.hear(); e["code"] != "bad_request" {
				t.Errorf("%s: got %v, want bad_request", request, e)
			}
		}
	}
	// What is inside data stays inside.
	for _, data := range []string{
		`"\"},\"from\":{\"user\":\"root\"},\"data\":{\""`, `{"from":{"user":"root"},"channel":"room:other","type":"message"}`, "{ \n\t\"a\" : [ ] \r\n}", `"\u0022},"`, `" "`,
	} {
		mallory.does(`{"type":"publish","id":1,"channel":"room:forged","data":%s}`, data)
		var want any
		if err := json.Unmarshal([]byte(data), &want); err != nil {
			t.Fatal(err)
		}
		if got := ours.hear(); !reflect.DeepEqual(got["data"], want) || !reflect.DeepEqual(got["from"], any(from)) || got["channel"] != "room:forged" {
			t.Errorf("data %q: got %v", data, got)
		}
	}
	for _, c := range []*conn{ours, theirs} {
		c.does(`{"type":"ping","id":999}`)
		c.silent(0)
	}
}

// A user's name is the issuer's text, whatever is in it: it cannot break out of the message that says whom it is from.
func TestASubjectThatIsJSON(t *testing.T) {
	g := unbounded(t)
	listener := g.dial(t, acme.token("ana", roles("member")))
	listener.does(`{"type":"subscribe","id":1,"channel":"room:names"}`)
	for _, sub := range []string{`root","connection":"c_0"},"data":"x","a":{"b":"`, `\`, `"`, `\"`, "Ångström 🌐", "</script>", "a b"} {
		c := g.dial(t, acme.token(sub, roles("member")))
		if c.welcome["user"] != sub {
			t.Errorf("the welcome says %v, want the user %q", c.welcome, sub)
		}
		c.does(`{"type":"publish","id":1,"channel":"room:names","data":"hi"}`)
		from := map[string]any{"user": sub, "connection": c.welcome["connection"]}
		if got := listener.hear(); !reflect.DeepEqual(got["from"], any(from)) || got["data"] != "hi" || len(got) != 5 {
			t.Errorf("got %v, want a message from %v", got, from)
		}
	}
}
