package json

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func scan(text []byte) bool {
	s := scanner{b: text}
	if !s.value() {
		return false
	}
	s.space()
	return s.i == len(text)
}

// depth is how deep brackets nest, strings apart.
func depth(text []byte) (most int) {
	d, in := json.NewDecoder(bytes.NewReader(text)), 0
	for {
		t, err := d.Token()
		if err != nil {
			return most
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			in++
			most = max(most, in)
		case json.Delim('}'), json.Delim(']'):
			in--
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	for _, tt := range []struct {
		levels int
		want   bool
	}{{maxDepth, true}, {maxDepth + 1, false}} {
		arrays := strings.Repeat("[", tt.levels) + strings.Repeat("]", tt.levels)
		objects := strings.Repeat(`{"a":`, tt.levels) + "1" + strings.Repeat("}", tt.levels)
		for _, text := range []string{arrays, objects} {
			if got := scan([]byte(text)); got != tt.want {
				t.Errorf("%d levels: got %v, want %v", tt.levels, got, tt.want)
			}
		}
	}
}

// The scanner takes exactly what encoding/json takes, as far as it is UTF-8 and nests no deeper than it may.
func FuzzScanAgreesWithTheStandardLibrary(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"a":[1,2,{"b":null}],"c":"\u00e9\\"}`, `-0.5e+10`, `01`, `1.`, `.5`, `-`, `1e`, `"a`, "\"\n\"", `"\x"`, `"\u12g4"`,
		`[1,]`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[[],[{}]]`, `tru`, `nullx`, ` true `, `{"a":1}}`, `[}`, `{]`, `["\ud800"]`, `{1:2}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) || depth(text) > maxDepth {
			return
		}
		if got, want := scan(text), json.Valid(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	})
}
