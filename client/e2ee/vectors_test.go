package e2ee_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portcullis/client/e2ee"
)

// update writes the vectors anew. Nonces, ephemeral keys and some signatures are random, so every file becomes another: commit them together with the reason.
var update = flag.Bool("update", false, "write api/vectors/e2ee anew")

const vectors = "../../api/vectors/e2ee"

// identitiesFile is identities.json.
type identitiesFile struct {
	Now        int64                     `json:"now"`
	Tenant     string                    `json:"tenant"`
	Issuer     string                    `json:"issuer"`
	Keys       json.RawMessage           `json:"issuer_keys"`
	Private    json.RawMessage           `json:"issuer_private"`
	Members    map[string]identityVector `json:"members"`
	Assertions []assertionVector         `json:"assertions"`
}

type identityVector struct {
	User      string          `json:"user"`
	Identity  json.RawMessage `json:"identity"`
	Sign      string          `json:"sign"`
	Agree     string          `json:"agree"`
	Assertion string          `json:"assertion"`
}

// assertionVector is one that is right, besides those of the members.
type assertionVector struct {
	Name   string `json:"name"`
	Text   string `json:"text"`
	Prefix string `json:"prefix"`
	User   string `json:"user"`
	Ends   int64  `json:"ends"`
}

type kidVector struct {
	Key string `json:"key"`
	Kid string `json:"kid"`
}

// roomVector is a room before anything happens in it.
type roomVector struct {
	Tenant       string   `json:"tenant"`
	Channel      string   `json:"channel"`
	User         string   `json:"user"`
	Distributors []string `json:"distributors"`
	Members      []string `json:"members"`
}

type grantVector struct {
	Name       string       `json:"name"`
	Room       roomVector   `json:"room"`
	Text       string       `json:"text"`
	Key        string       `json:"key"`
	Kid        string       `json:"kid"`
	Generation uint64       `json:"generation"`
	Created    int64        `json:"created"`
	Wraps      []wrapVector `json:"wraps"`
	Message    step         `json:"message"`
}

type wrapVector struct {
	User    string `json:"user"`
	Info    string `json:"info"`
	Wrapped string `json:"wrapped"`
}

// step is something that comes to a room at a moment.
type step struct {
	Kind       string          `json:"kind"`
	Now        int64           `json:"now"`
	Data       json.RawMessage `json:"data,omitempty"` // of a message, with what follows
	Encryption *string         `json:"encryption,omitempty"`
	User       string          `json:"user,omitempty"`
	Plaintext  *string         `json:"plaintext,omitempty"`
	Text       string          `json:"text,omitempty"` // of a grant or an assertion
}

type messagesFile struct {
	Room     roomVector    `json:"room"`
	Grants   []string      `json:"grants"`
	Messages []messageStep `json:"messages"`
}

type messageStep struct {
	Name string `json:"name"`
	step
}

type tamperedRow struct {
	Name   string      `json:"name"`
	Reason string      `json:"reason"`
	Room   *roomVector `json:"room,omitempty"`
	Grants []string    `json:"grants,omitempty"`
	Before []step      `json:"before,omitempty"`
	step
}

func load[T any](t testing.TB, name string) (v T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// issuer is the one of the vectors.
func (f *identitiesFile) issuer(t testing.TB, prefix string) *e2ee.Issuer {
	t.Helper()
	i, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: f.Issuer, Tenant: f.Tenant, Prefix: prefix, Keys: f.Keys})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// enter makes a room of the vectors.
func (f *identitiesFile) enter(t testing.TB, v roomVector) *e2ee.Room {
	t.Helper()
	identity, err := e2ee.ParseIdentity(f.Members[v.User].Identity)
	if err != nil {
		t.Fatal(err)
	}
	room, err := e2ee.NewRoom(e2ee.RoomOptions{Tenant: v.Tenant, Channel: v.Channel, User: v.User, Identity: identity, Distributors: v.Distributors})
	if err != nil {
		t.Fatal(err)
	}
	issuer := f.issuer(t, "")
	for _, name := range v.Members {
		member, err := issuer.Verify(t.Context(), f.Members[name].Assertion)
		if err != nil {
			t.Fatal(err)
		}
		if err := room.Add(member); err != nil {
			t.Fatal(err)
		}
	}
	return room
}

func (s *step) message() e2ee.Message {
	m := e2ee.Message{Data: s.Data, User: s.User}
	if s.Encryption != nil {
		m.Encryption = *s.Encryption
	}
	return m
}

// bring does a step, and returns the plaintext of a message.
func (s *step) bring(t testing.TB, f *identitiesFile, room *e2ee.Room, history *e2ee.Reader) (plaintext []byte, err error) {
	until(s.Now)
	switch s.Kind {
	case "message":
		return room.Open(s.message())
	case "history":
		return history.Open(s.message())
	case "grant":
		return nil, room.Accept(s.Text)
	case "assertion":
		_, err := f.issuer(t, "").Verify(t.Context(), s.Text)
		return nil, err
	}
	t.Fatalf("kind %q is none", s.Kind)
	return nil, nil
}

func (s *step) want(t testing.TB) []byte {
	t.Helper()
	if s.Plaintext == nil {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*s.Plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refused fails unless err is a refusal for reason.
func refused(t testing.TB, err error, reason e2ee.Reason) {
	t.Helper()
	refusal, ok := errors.AsType[*e2ee.Error](err)
	if !ok {
		t.Fatalf("got %v, want a refusal: %s", err, reason)
	}
	if refusal.Reason != reason {
		t.Fatalf("got %s (%s), want %s", refusal.Reason, refusal.Detail, reason)
	}
}

func TestIdentitiesOfTheVectors(t *testing.T) {
	f := load[identitiesFile](t, "identities.json")
	if len(f.Members) < 6 || len(f.Assertions) < 5 {
		t.Fatalf("got %d members and %d assertions, want more", len(f.Members), len(f.Assertions))
	}
	for name, v := range f.Members {
		t.Run(name, func(t *testing.T) {
			identity, err := e2ee.ParseIdentity(v.Identity)
			if err != nil {
				t.Fatal(err)
			}
			written, err := json.Marshal(identity)
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := json.Compact(&want, v.Identity); err != nil {
				t.Fatal(err)
			}
			if string(written) != want.String() {
				t.Errorf("the identity is written as another than it was read")
			}
			keys := identity.Keys()
			for i, want := range []string{v.Sign, v.Agree} {
				x := must(base64.RawURLEncoding.DecodeString(keys[i].X))
				if got := okpID(keys[i].Curve, x); got != want {
					t.Errorf("key %d: got id %s, want %s", i, got, want)
				}
			}
		})
	}
	for _, v := range f.Assertions {
		t.Run(v.Name, func(t *testing.T) {
			at(t, f.Now, func(t *testing.T) {
				m, err := f.issuer(t, v.Prefix).Verify(t.Context(), v.Text)
				if err != nil {
					t.Fatal(err)
				}
				if m.User() != v.User || m.Expires().Unix() != v.Ends {
					t.Errorf("got %s until %d, want %s until %d", m.User(), m.Expires().Unix(), v.User, v.Ends)
				}
			})
		})
	}
}

// The id of a channel key is what others derive.
func TestKidsOfTheVectors(t *testing.T) {
	for _, v := range load[[]kidVector](t, "kid.json") {
		if got := kidOf(must(base64.RawURLEncoding.DecodeString(v.Key))); got != v.Kid {
			t.Errorf("%s: got %s, want %s", v.Key, got, v.Kid)
		}
	}
}

func TestGrantsOfTheVectors(t *testing.T) {
	f := load[identitiesFile](t, "identities.json")
	for _, v := range load[[]grantVector](t, "grants.json") {
		for _, w := range v.Wraps {
			t.Run(v.Name+" for "+w.User, func(t *testing.T) {
				at(t, f.Now, func(t *testing.T) {
					own := v.Room
					own.User = w.User
					room := f.enter(t, own)
					if err := room.Accept(v.Text); err != nil {
						t.Fatal(err)
					}
					if got := room.Generation(); got != v.Generation {
						t.Errorf("got generation %d, want %d", got, v.Generation)
					}
					got, err := v.Message.bring(t, &f, room, nil)
					if err != nil || !bytes.Equal(got, v.Message.want(t)) {
						t.Errorf("got %q, %v, want %q", got, err, v.Message.want(t))
					}
				})
			})
		}
	}
}

func TestMessagesOfTheVectors(t *testing.T) {
	f := load[identitiesFile](t, "identities.json")
	v := load[messagesFile](t, "messages.json")
	at(t, f.Now, func(t *testing.T) {
		room := f.enter(t, v.Room)
		for _, name := range v.Grants {
			if err := room.Accept(grantOf(t, name)); err != nil {
				t.Fatal(err)
			}
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

func grantOf(t testing.TB, name string) string {
	t.Helper()
	for _, v := range grants(t) {
		if v.Name == name {
			return v.Text
		}
	}
	t.Fatalf("grants.json has no %q", name)
	return ""
}

var loaded []grantVector

func grants(t testing.TB) []grantVector {
	t.Helper()
	if loaded == nil {
		loaded = load[[]grantVector](t, "grants.json")
	}
	return loaded
}

// silent fails if an error, which will stand in a log, has anything of what was sealed, of a key or of an assertion.
func (row *tamperedRow) silent(t testing.TB, err error) {
	t.Helper()
	for _, secret := range []string{"hello", "hullo", b64([]byte("hello")), b64(key1), b64(key2), b64(key4), b64(cid.sign.Seed()), b64(cid.agree.Bytes()), row.Text} {
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error has %q: %v", secret, err)
		}
	}
	if len(err.Error()) > 1024 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

// Every row is one attack or mistake. Without its one fault it would be taken: what comes before each fault is.
func TestWhatWasTamperedWithIsRefused(t *testing.T) {
	f := load[identitiesFile](t, "identities.json")
	rows := load[[]tamperedRow](t, "tampered.json")
	if len(rows) < 250 {
		t.Fatalf("got %d rows, want 250 and more: there are less than there were", len(rows))
	}
	for _, row := range rows {
		t.Run(row.Kind+"/"+row.Name, func(t *testing.T) {
			at(t, f.Now, func(t *testing.T) {
				var room *e2ee.Room
				var history *e2ee.Reader
				if row.Room != nil {
					room = f.enter(t, *row.Room)
					history = room.History()
				}
				for _, name := range row.Grants {
					if err := room.Accept(grantOf(t, name)); err != nil {
						t.Fatalf("grant %s: %v", name, err)
					}
				}
				for i, s := range row.Before {
					if _, err := s.bring(t, &f, room, history); err != nil {
						t.Fatalf("before[%d]: %v", i, err)
					}
				}
				_, err := row.bring(t, &f, room, history)
				refused(t, err, e2ee.Reason(row.Reason))
				row.silent(t, err)
			})
		})
	}
}
