package envelope_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"strings"
	"testing"

	"portcullis/internal/envelope"
)

// Whatever the bytes, what Check takes for an envelope a slow reader made of encoding/json and encoding/base64 takes for one too, and the other way round. A flaw repeats nothing of what was sent.
func FuzzCheck(f *testing.F) {
	for _, tt := range cases {
		f.Add(tt.data)
	}
	f.Fuzz(func(t *testing.T, data string) { agreed(t, data) })
}

// The same for the header: mutating base64 seldom gives JSON.
func FuzzHeader(f *testing.F) {
	for _, header := range []string{
		proper, proper + " ", "\r\n" + proper, proper + proper, "{}", "", `{"alg":"dir"}`,
		proper[:len(proper)-1] + `,"alg":"dir"}`, strings.Replace(proper, "room:1", `room\u003a1`, 1), strings.Replace(proper, "acme", "acm\xff", 1), strings.Replace(proper, ",", ", ", 9),
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) { agreed(t, envelopeOf(header)) })
}

func agreed(t *testing.T, data string) {
	flaw := envelope.Check([]byte(data), room)
	if got, want := flaw == "", slow(data); got != want {
		t.Fatalf("taken for an envelope: got %v (%s), want %v for %q", got, flaw, want, data)
	}
}

// slow reads the same form from the specification, with nothing of the package under test.
func slow(data string) bool {
	var text string
	if json.Unmarshal([]byte(data), &text) != nil || data != `"`+text+`"` { // no escapes, and no space around
		return false
	}
	parts := strings.Split(text, ".")
	if len(parts) != 5 || parts[1] != "" {
		return false
	}
	header, ok := decoded(parts[0])
	if !ok || len(header) > 1024 {
		return false
	}
	vector, ok1 := decoded(parts[2])
	inside, ok2 := decoded(parts[3])
	seal, ok3 := decoded(parts[4])
	return ok1 && ok2 && ok3 && len(vector) == 12 && len(inside) > 0 && len(seal) == 16 && slowHeader(header)
}

// decoded reads base64url, and writes it again to see whether this was its one spelling.
func decoded(part string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return b, err == nil && base64.RawURLEncoding.EncodeToString(b) == part
}

func slowHeader(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return false
	}
	members := make(map[string]string)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		value, err := d.Token()
		if err != nil {
			return false
		}
		n, _ := name.(string)
		v, is := value.(string)
		if _, twice := members[n]; twice || !is {
			return false
		}
		members[n] = v
	}
	if end, err := d.Token(); err != nil || end != json.Delim('}') {
		return false
	}
	if _, err := d.Token(); err != io.EOF {
		return false
	}
	id, ok := decoded(members["kid"])
	return ok && len(id) == 32 && maps.Equal(members, map[string]string{
		"alg": "dir", "enc": "A256GCM", "kid": members["kid"], "tenant": "acme", "channel": "room:1", "cty": "JWS"})
}
