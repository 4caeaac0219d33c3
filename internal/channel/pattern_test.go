package channel_test

import (
	"strings"
	"testing"

	"portcullis/internal/channel"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"room:1", "room:1", true},
		{"room:1", "room:2", false},
		{"room:1", "room:1:x", false},
		{"room:1:x", "room:1", false},
		{"room:1", "room:10", false},
		{"*", "room", true},
		{"*", "room:1", false},
		{"room:*", "room:1", true},
		{"room:*", "room", false},
		{"room:*", "room:1:2", false},
		{"*:1", "room:1", true},
		{"a:*:c", "a:b:c", true},
		{"a:*:c", "a:b:d", false},
		{"**", "room", true},
		{"**", "room:1:2", true},
		{"room:**", "room", false},
		{"room:**", "room:1", true},
		{"room:**", "room:1:2:3", true},
		{"*:**", "room", false},
		{"*:**", "room:1", true},
		{"room:*", "room:%2A", true},
		{"room:%2A", "room:1", false},
		{"room:%2A", "room:%2A", true},
	}
	for _, tt := range tests {
		t.Run(tt.pattern+" "+tt.name, func(t *testing.T) {
			p, err := channel.ParsePattern(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Match(channel.MustParse(tt.name)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if p.String() != tt.pattern {
				t.Errorf("prints as %q, want %q", p, tt.pattern)
			}
		})
	}
}

func TestNothingMatchesNothing(t *testing.T) {
	all, err := channel.ParsePattern("**")
	if err != nil {
		t.Fatal(err)
	}
	if all.Match(channel.Name{}) || (channel.Pattern{}).Match(channel.MustParse("a")) || (channel.Pattern{}).Match(channel.Name{}) {
		t.Error("a zero name or a zero pattern matched")
	}
}

func TestParsePatternRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", "it is empty"},
		{"a star in a segment", "room*", `channel pattern "room*", byte 4: * and ** stand for whole segments`},
		{"a star before text", "*room", "byte 0: * and **"},
		{"two stars before the end", "**:a", "byte 0: * and ** stand for whole segments, and ** only at the end"},
		{"three stars", "a:***", "byte 2: * and **"},
		{"two stars behind text", "a**", "byte 1: * and **"},
		{"reserved", "$sys:**", "reserved for the gateway"},
		{"an empty segment", "a::*", "a segment is empty"},
		{"seventeen segments", strings.Repeat("*:", 16) + "**", "more than 16 segments"},
		{"NATS's wildcard", "a:>", "byte 2: this byte cannot stand"},
		{"MQTT's wildcard", "a:#", "byte 2: this byte cannot stand"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if p, err := channel.ParsePattern(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) || p != (channel.Pattern{}) {
				t.Errorf("got %q, %v; want no pattern and an error with %q", p, err, tt.want)
			}
		})
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	p, _ := channel.ParsePattern("user:*:**")
	n := channel.MustParse("user:ana:inbox:1")
	if got := testing.AllocsPerRun(100, func() { p.Match(n) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

// A pattern is good when it is a good name once every wildcard is replaced by a segment; Match agrees with a matcher
// that recurses on split segments.
func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{
		{"room:*", "room:1"}, {"room:**", "room:1:2"}, {"**", "a"}, {"*:**", "a"}, {"*:*:*", "a:b:c"}, {"a:**:b", "a:x:b"},
		{"a*", "ab"}, {"***", "a"}, {"%2A", "%2A"}, {"$x:*", "a"}, {strings.Repeat("*:", 15) + "**", strings.Repeat("a:", 15) + "a"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, err := channel.ParsePattern(pattern)
		if got, want := err == nil, spelledRight(withoutWildcards(pattern)); got != want && len(pattern) < 250 {
			t.Fatalf("%q: accepted is %v, want %v (%v)", pattern, got, want, err)
		}
		n, nameErr := channel.Parse(name)
		if err != nil || nameErr != nil {
			return
		}
		if got, want := p.Match(n), naive(strings.Split(pattern, ":"), strings.Split(name, ":")); got != want {
			t.Fatalf("%q on %q: got %v, want %v", pattern, name, got, want)
		}
	})
}

func withoutWildcards(pattern string) string {
	segments := strings.Split(pattern, ":")
	for i, s := range segments {
		if s == "*" || s == "**" && i == len(segments)-1 {
			segments[i] = "x"
		}
	}
	return strings.Join(segments, ":")
}

func naive(pattern, name []string) bool {
	switch {
	case len(pattern) == 0 || len(name) == 0:
		return len(pattern) == len(name)
	case pattern[0] == "**":
		return true
	}
	return (pattern[0] == "*" || pattern[0] == name[0]) && naive(pattern[1:], name[1:])
}
