package channel

import "fmt"

// The longest that names and patterns may be, in bytes and in segments.
const (
	MaxLen      = 255
	MaxSegment  = 128
	MaxSegments = 16
)

const (
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~@+=|"
	hex      = "0123456789ABCDEF"
)

type class uint8

const (
	foreign class = iota // cannot stand in a name
	literal
	separator
	escape
	wildcard
)

var classes = func() (t [256]class) {
	for _, b := range []byte(alphabet) {
		t[b] = literal
	}
	t[':'], t['%'], t['*'] = separator, escape, wildcard
	return t
}()

// rule is one that a text can break; its value is what an error says about it.
type rule string

const (
	emptyText    rule = "it is empty; a name has at least one segment"
	longText     rule = "it has more than 255 bytes"
	emptySegment rule = "a segment is empty; a segment has 1 to 128 bytes"
	longSegment  rule = "a segment has more than 128 bytes"
	manySegments rule = "it has more than 16 segments"
	reserved     rule = "names that begin with $ are reserved for the gateway"
	badByte      rule = "this byte cannot stand in a name; use A-Z a-z 0-9 - _ . ~ @ + = | or write it as % and two upper-case hexadecimal digits"
	badEscape    rule = "% begins an escape: two upper-case hexadecimal digits follow it"
	needless     rule = "this escape is of a byte that stands as itself; write the byte, so that a name has one spelling"
	noPattern    rule = "* stands in the patterns of rules and settings alone; a subscription names one channel"
	badWildcard  rule = "* and ** stand for whole segments, and ** only at the end"
)

// scan returns the first rule that s breaks and the byte where it does, or "".
// It is the one reading of the grammar, for names and, when wild, for patterns.
func scan(s string, wild bool) (broken rule, at int) {
	if s == "" {
		return emptyText, 0
	}
	if len(s) > MaxLen {
		return longText, MaxLen
	}
	segments, start := 1, 0
	for i := 0; i < len(s); i++ {
		switch classes[s[i]] {
		case literal:
		case separator:
			if broken := segment(i - start); broken != "" {
				return broken, start
			}
			if segments++; segments > MaxSegments {
				return manySegments, i
			}
			start = i + 1
		case escape:
			if broken := escaped(s[i:]); broken != "" {
				return broken, i
			}
			i += 2
		case wildcard:
			if !wild {
				return noPattern, i
			}
			if !whole(s, start, i) {
				return badWildcard, i
			}
		default:
			if s[i] == '$' && i == 0 {
				return reserved, 0
			}
			return badByte, i
		}
	}
	return segment(len(s) - start), start
}

func segment(size int) rule {
	switch {
	case size == 0:
		return emptySegment
	case size > MaxSegment:
		return longSegment
	}
	return ""
}

// escaped judges the escape that s begins with.
func escaped(s string) rule {
	if len(s) < 3 {
		return badEscape
	}
	high, low := nibble(s[1]), nibble(s[2])
	switch {
	case high < 0 || low < 0:
		return badEscape
	case classes[high<<4|low] == literal:
		return needless
	}
	return ""
}

func nibble(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// whole reports whether the star at i is, or ends, a wildcard that is all of the segment that begins at start.
func whole(s string, start, i int) bool {
	rest := s[start:]
	return rest == "**" || rest == "*" || i == start && rest[1] == ':'
}

// refuse says that s, a kind of text, breaks a rule at a byte. Of a long text it shows the beginning: it is logged.
func refuse(kind, s string, broken rule, at int) error {
	const shown = 64
	if len(s) > shown {
		return fmt.Errorf("%s %q... (%d bytes), byte %d: %s", kind, s[:shown], len(s), at, broken)
	}
	return fmt.Errorf("%s %q, byte %d: %s", kind, s, at, broken)
}
