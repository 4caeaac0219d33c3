package e2ee_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"portcullis/client/e2ee"
)

func TestAnIdentityIsKept(t *testing.T) {
	made, err := e2ee.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	again, err := e2ee.ParseIdentity(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(again.Keys()), fmt.Sprint(made.Keys()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	keys := must(json.Marshal(made.Keys()))
	if bytes.Contains(keys, []byte(`"d"`)) || !bytes.Contains(keys, []byte(`{"kty":"OKP","crv":"Ed25519","x":"`)) {
		t.Errorf("the public keys are %s", keys)
	}
}

func TestIdentitiesThatAreNone(t *testing.T) {
	right := ana.identity()
	if _, err := e2ee.ParseIdentity([]byte(right)); err != nil {
		t.Fatal(err)
	}
	// What WebCrypto exports has more members.
	if _, err := e2ee.ParseIdentity([]byte(strings.Replace(right, `"kty"`, `"key_ops":["sign"],"ext":true,"kty"`, 1))); err != nil {
		t.Errorf("with key_ops and ext: %v", err)
	}
	for name, wrong := range map[string]string{
		"no JSON":                 "ana",
		"a list":                  "[]",
		"one key":                 right[:strings.Index(right, `,"agree"`)] + "}",
		"another member":          strings.Replace(right, `{"sign"`, `{"user":"ana","sign"`, 1),
		"a public key":            strings.Replace(right, `"d"`, `"e"`, 1),
		"the keys exchanged":      strings.NewReplacer("Ed25519", "X25519", "X25519", "Ed25519").Replace(right),
		"a public part of others": strings.Replace(right, b64(ana.public()), b64(ben.public()), 1),
		"31 bytes":                strings.Replace(right, b64(ana.sign.Seed()), b64(ana.sign.Seed()[:31]), 1),
		"text in the place":       strings.Replace(right, `{"kty"`, `"sign","x":{"kty"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e2ee.ParseIdentity([]byte(wrong))
			refused(t, err, e2ee.Form)
			if strings.Contains(err.Error(), b64(ana.sign.Seed())) {
				t.Errorf("the error has a private key: %v", err)
			}
		})
	}
}

// Whoever logs what it has at hand logs no key.
func TestWhatIsPrintedHasNoKeys(t *testing.T) {
	identity, err := e2ee.ParseIdentity([]byte(ana.identity()))
	if err != nil {
		t.Fatal(err)
	}
	room := enter(t, ana, room1)
	accept(t, generate(t, room), room)
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&out, format, identity)
		fmt.Fprintf(&out, format, []*e2ee.Identity{identity})
		fmt.Fprintf(&out, format, room)
		fmt.Fprintf(&out, format, e2ee.RoomOptions{Identity: identity})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("hello", "identity", identity, "room", room)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("hello", "identity", identity, "room", room)
	printed := out.String()
	for name, key := range map[string][]byte{"sign": ana.sign.Seed(), "agree": ana.agree.Bytes()} {
		for _, form := range []string{string(key), b64(key), fmt.Sprintf("%x", key), fmt.Sprint(key), strings.Trim(fmt.Sprintf("%#v", key)[len("[]byte"):], "{}")} {
			if strings.Contains(printed, form) {
				t.Errorf("the %s key is printed", name)
			}
		}
	}
	if !strings.Contains(printed, "identity "+ana.signID()) {
		t.Errorf("got no name of the identity in %.200s", printed)
	}
}
