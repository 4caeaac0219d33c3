package channel_test

import (
	"strings"
	"testing"

	"portcullis/internal/channel"
)

func TestSegment(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"plain", "ana", "ana"},
		{"every byte that stands as itself", "AZaz09-_.~@+=|", "AZaz09-_.~@+=|"},
		{"a colon", "a:b", "a%3Ab"},
		{"a star", "*", "%2A"},
		{"two stars", "**", "%2A%2A"},
		{"what is an escape already", "%2A", "%252A"},
		{"a dollar", "$sys", "%24sys"},
		{"a URL", "https://id.example/u?x", "https%3A%2F%2Fid.example%2Fu%3Fx"},
		{"a letter outside ASCII", "zo\u00eb", "zo%C3%AB"},
		{"any byte", "\x00\xff\n", "%00%FF%0A"},
		{"as long as it may be", strings.Repeat("a", 128), strings.Repeat("a", 128)},
		{"as long as it may be, written", strings.Repeat("/", 42) + "ab", strings.Repeat("%2F", 42) + "ab"},
		{"empty", "", ""},
		{"too long", strings.Repeat("a", 129), ""},
		{"too long once it is written", strings.Repeat("/", 43), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := channel.Segment(tt.value)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got, ok, tt.want)
			}
		})
	}
}

// A segment is a name of one segment without ':', '*' or '$'. Two values have the same segment only when they are the
// same value, and Encodes agrees with Segment on every pair of texts.
func FuzzSegment(f *testing.F) {
	for _, s := range [][2]string{
		{"ana", "ana"}, {"a:b", "a%3Ab"}, {"*", "%2A"}, {"**", "**"}, {"", ""}, {"%", "%25"}, {"$a", "$A"}, {"a", "a\x00"}, {"\xff", "%FF"},
		{strings.Repeat("/", 43), strings.Repeat("%2F", 43)}, {strings.Repeat("a", 129), strings.Repeat("a", 129)},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		sa, oka := channel.Segment(a)
		sb, okb := channel.Segment(b)
		if oka {
			if n, err := channel.Parse(sa); err != nil || n.String() != sa || strings.ContainsAny(sa, ":*$") {
				t.Fatalf("%q is written %q: %v", a, sa, err)
			}
			if decode(sa) != a {
				t.Fatalf("%q is written %q, which means %q", a, sa, decode(sa))
			}
			if !channel.Encodes(sa, a) {
				t.Fatalf("%q is not found to encode %q", sa, a)
			}
		}
		if oka && okb && (sa == sb) != (a == b) {
			t.Fatalf("%q and %q are written %q and %q", a, b, sa, sb)
		}
		for _, segment := range []string{b, sb, sa + sb, a, ""} {
			if got, want := channel.Encodes(segment, a), oka && segment == sa; got != want {
				t.Fatalf("Encodes(%q, %q): got %v, want %v", segment, a, got, want)
			}
		}
	})
}
