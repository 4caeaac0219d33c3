package channel_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"portcullis/internal/channel"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("a", channel.MaxSegment)
	tests := []struct {
		name, in string
		refused  string // a part of the error; empty where the name is good
	}{
		{"one segment", "echo", ""},
		{"segments", "room:1", ""},
		{"every byte that stands as itself", "ABCXYZabcxyz0189-_.~@+=|", ""},
		{"escapes", "user:a%3Ab%25:%00%FF%2A%24", ""},
		{"sixteen segments", strings.Repeat("a:", 15) + "a", ""},
		{"a segment of 128 bytes", long, ""},
		{"255 bytes", long + ":" + long[:126], ""},

		{"nothing", "", `channel "", byte 0: it is empty`},
		{"a colon alone", ":", "byte 0: a segment is empty"},
		{"an empty segment at the beginning", ":a", "byte 0: a segment is empty"},
		{"an empty segment inside", "a::b", "byte 2: a segment is empty"},
		{"an empty segment at the end", "a:", "byte 2: a segment is empty"},
		{"seventeen segments", strings.Repeat("a:", 16) + "a", "byte 31: it has more than 16 segments"},
		{"a segment of 129 bytes", "x:" + long + "a", "byte 2: a segment has more than 128 bytes"},
		{"256 bytes", long + ":" + long[:127], "it has more than 255 bytes"},
		{"a space", "room 1", `channel "room 1", byte 4: this byte cannot stand`},
		{"a slash", "a/b", "byte 1: this byte cannot stand"},
		{"a letter outside ASCII", "caf\u00e9", "byte 3: this byte cannot stand"},
		{"a NUL", "a\x00", `"a\x00", byte 1`},
		{"a line break, quoted for the log", "a\nb", `"a\nb", byte 1`},
		{"reserved for the gateway", "$sys:x", "reserved for the gateway"},
		{"a dollar further on", "a:$b", "byte 2: this byte cannot stand"},
		{"a wildcard", "room:*", "byte 5: * stands in the patterns of rules and settings alone; a subscription names one channel"},
		{"a tail wildcard", "room:**", "byte 5: * stands"},
		{"an escape in lower case", "a%3a", "byte 1: % begins an escape"},
		{"an escape cut short", "a%3", "byte 1: % begins an escape"},
		{"an escape across a colon", "a%3:b", "byte 1: % begins an escape"},
		{"a bare percent", "100%", "byte 3: % begins an escape"},
		{"a second spelling of a letter", "room%3A%61", "byte 7: this escape is of a byte that stands as itself"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := channel.Parse(tt.in)
			if tt.refused == "" {
				if err != nil || got.String() != tt.in {
					t.Errorf("got %q, %v; want it to print back as %q", got, err, tt.in)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.refused) || !got.IsZero() {
				t.Errorf("got %q, %v; want no name and an error with %q", got, err, tt.refused)
			}
		})
	}
}

func TestEveryByteHasOneSpelling(t *testing.T) {
	for b := range 256 {
		_, plain := channel.Parse(string([]byte{byte(b)}))
		_, escaped := channel.Parse(fmt.Sprintf("%%%02X", b))
		if (plain == nil) == (escaped == nil) {
			t.Errorf("byte %q: as itself %v, as an escape %v; want exactly one of them to be refused", byte(b), plain, escaped)
		}
	}
}

func TestAHugeNameIsNotRepeatedInItsError(t *testing.T) {
	_, err := channel.Parse(strings.Repeat("\x00", 1<<20))
	if err == nil || len(err.Error()) > 512 || !strings.Contains(err.Error(), "1048576 bytes") {
		t.Errorf("got %v; want a short error that tells the length", err)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	if got := testing.AllocsPerRun(100, func() { channel.MustParse("user:a%3Ab:inbox") }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

// The grammar once more, as two expressions: which segments there are, and which escapes are a second spelling.
var (
	grammar  = regexp.MustCompile(`^([A-Za-z0-9_.~@+=|-]|%[0-9A-F]{2})+(:([A-Za-z0-9_.~@+=|-]|%[0-9A-F]{2})+){0,15}$`)
	needless = regexp.MustCompile(`%(3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|2D|5F|2E|7E|40|2B|3D|7C)`)
)

func spelledRight(s string) bool {
	for segment := range strings.SplitSeq(s, ":") {
		if len(segment) > 128 {
			return false
		}
	}
	return len(s) <= 255 && grammar.MatchString(s) && !needless.MatchString(s)
}

// Parse agrees with the grammar written as expressions; what it accepts prints back the same and is the only
// spelling: decoded and written again it is what it was.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"echo", "room:1", "user:a%3Ab:inbox", "a::b", ":", "a:", "%41", "%3a", "%", "%2", "a%2A", "*", "a:**", "$x", "a$", "\x00", "é", "100%25",
		strings.Repeat("a:", 15) + "a", strings.Repeat("a:", 16) + "a", strings.Repeat("a", 129), strings.Repeat("a", 128) + ":" + strings.Repeat("%2F", 42),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := channel.Parse(s)
		if got, want := err == nil, spelledRight(s); got != want {
			t.Fatalf("%q: accepted is %v, want %v (%v)", s, got, want, err)
		}
		if err != nil {
			return
		}
		if n.String() != s {
			t.Fatalf("%q prints as %q", s, n)
		}
		for segment := range strings.SplitSeq(s, ":") {
			if again, ok := channel.Segment(decode(segment)); !ok || again != segment {
				t.Fatalf("%q means %q, which is spelled %q", segment, decode(segment), again)
			}
		}
	})
}

// decode undoes the escapes of a well-formed segment.
func decode(segment string) string {
	return regexp.MustCompile(`%..`).ReplaceAllStringFunc(segment, func(e string) string {
		return string([]byte{byte(strings.IndexByte(digits, e[1])<<4 | strings.IndexByte(digits, e[2]))})
	})
}

const digits = "0123456789ABCDEF"

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := channel.Parse("user:alice%2Fhome:inbox"); err != nil {
			b.Fatal(err)
		}
	}
}
