package envelope_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/channel"
	"portcullis/internal/envelope"
	"portcullis/internal/tenant"
)

// vectors are what members say to each other, and what they make of it: api/vectors/e2ee.
type vector struct {
	Name, Kind, Reason string
	Room               struct{ Tenant, Channel string }
	Data               json.RawMessage
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../api/vectors/e2ee/" + name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What members open comes through the gateway.
func TestWhatMembersSealIsAnEnvelope(t *testing.T) {
	var opened struct {
		Room     struct{ Tenant, Channel string }
		Messages []vector
	}
	read(t, "messages.json", &opened)
	at := channel.Ref{Tenant: tenant.MustParse(opened.Room.Tenant), Name: channel.MustParse(opened.Room.Channel)}
	if len(opened.Messages) == 0 {
		t.Fatal("there are no messages")
	}
	for _, m := range opened.Messages {
		if m.Kind != "message" {
			continue
		}
		if flaw := envelope.Check(m.Data, at); flaw != "" {
			t.Errorf("%s: members open it, and the gateway says %s", m.Name, flaw)
		}
	}
}

// outside begin the names of vectors in which a part of the envelope is wrong. What is wrong inside, or needs a key to be seen, the gateway cannot know.
var outside = []string{"envelope ", "data is ", "four parts", "six parts", "an encrypted key", "header ", "nonce ", "ciphertext ", "tag "}

// What members refuse for the form, tenant or channel of the envelope does not come through the gateway; all else that they refuse does.
func TestWhatMembersRefuseForItsFormIsNoEnvelope(t *testing.T) {
	var all []vector
	read(t, "tampered.json", &all)
	refused, passed := 0, 0
	for _, v := range all {
		if v.Kind != "message" || v.Reason == "plaintext" {
			continue
		}
		at := channel.Ref{Tenant: tenant.MustParse(v.Room.Tenant), Name: channel.MustParse(v.Room.Channel)}
		wrong := slices.Contains([]string{"form", "tenant", "channel"}, v.Reason) && slices.ContainsFunc(outside, func(begins string) bool { return strings.HasPrefix(v.Name, begins) })
		flaw := envelope.Check(v.Data, at)
		if wrong != (flaw != "") {
			t.Errorf("%s: members say %s, the gateway %q", v.Name, v.Reason, flaw)
		}
		if wrong {
			refused++
		} else {
			passed++
		}
	}
	if refused < 50 || passed < 50 {
		t.Errorf("got %d that are refused and %d that pass, want 50 of each: do the names of the vectors begin otherwise now?", refused, passed)
	}
}
