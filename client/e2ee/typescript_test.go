package e2ee_test

import (
	"bytes"
	"testing"
)

// typescriptFile is typescript.json: a room in which the TypeScript client gave the keys and said everything.
type typescriptFile struct {
	messagesFile
	Granted []string `json:"grants_text"`
}

func TestWhatTypeScriptSealedAndGranted(t *testing.T) {
	f := load[identitiesFile](t, "identities.json")
	v := load[typescriptFile](t, "typescript.json")
	if len(v.Granted) == 0 || len(v.Messages) < 10 {
		t.Fatalf("got %d grants and %d messages, want more", len(v.Granted), len(v.Messages))
	}
	at(t, f.Now, func(t *testing.T) {
		room := f.enter(t, v.Room)
		for _, grant := range v.Granted {
			accept(t, grant, room)
		}
		history := room.History()
		for _, m := range v.Messages {
			got, err := m.bring(t, &f, room, history)
			if err != nil || !bytes.Equal(got, m.want(t)) {
				t.Errorf("%s: got %q, %v, want %q", m.Name, got, err, m.want(t))
			}
		}
	})
}
