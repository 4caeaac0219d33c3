package jws

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"portcullis/internal/auth"
)

// checker walks through all of one JSON text that is known to be valid.
type checker struct {
	what    string
	top     object
	members int    // so far, at any depth
	open    []seen // the names so far of each object that is open, the innermost last
}

type seen struct {
	name string
	fold uint32
}

func (c *checker) value(v Value, depth int) error {
	if depth > maxDepth {
		return auth.Refuse(auth.TokenMalformed, "the %s is more than %d deep", c.what, maxDepth)
	}
	switch v[0] {
	case '"':
		return c.text(v)
	case '{':
		return c.object(v, depth)
	case '[':
		for element := range v.Elements() {
			if err := c.value(element, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) object(v Value, depth int) error {
	first := len(c.open)
	for quoted, value := range v.members() {
		if c.members++; c.members > maxMembers {
			return auth.Refuse(auth.TokenMalformed, "the %s has more than %d members", c.what, maxMembers)
		}
		if err := c.text(quoted); err != nil {
			return err
		}
		name, _ := quoted.Text()
		if err := c.once(name, first, depth); err != nil {
			return err
		}
		if err := c.value(value, depth+1); err != nil {
			return err
		}
		if depth == 1 {
			c.top = append(c.top, Member{name, value})
		}
	}
	c.open = c.open[:first]
	return nil
}

// once refuses a second member of one name in the object whose names begin at first. On the outermost level names that differ
// only in case count as one, as they do for encoding/json and so for most Go programs that will read the same token; deeper
// down they may be the service's own data, such as the ids of its clients.
func (c *checker) once(name string, first, depth int) error {
	fold := foldedHash(name)
	for _, other := range c.open[first:] {
		if other.fold != fold {
			continue
		}
		if other.name == name || depth == 1 && strings.EqualFold(other.name, name) {
			return auth.Refuse(auth.DuplicateMember, "the %s has %.64q and %.64q", c.what, other.name, name)
		}
	}
	c.open = append(c.open, seen{name, fold})
	return nil
}

// text refuses half surrogates: encoding/json would read every one as U+FFFD, and two subjects as one.
func (c *checker) text(quoted Value) error {
	for i := 1; i < len(quoted)-1; i++ {
		if quoted[i] != '\\' {
			continue
		}
		if i++; quoted[i] != 'u' {
			continue
		}
		unit := codeUnit(quoted[i+1:])
		if i += 4; unit < 0xD800 || unit > 0xDFFF {
			continue
		}
		low := quoted[i+1:]
		if unit > 0xDBFF || !strings.HasPrefix(string(low), `\u`) || codeUnit(low[2:])>>10 != 0xDC00>>10 {
			return auth.Refuse(auth.TokenMalformed, "the %s has half a surrogate pair", c.what)
		}
		i += 6
	}
	return nil
}

// codeUnit returns the four hexadecimal digits at the start of s.
func codeUnit(s Value) uint64 {
	unit, _ := strconv.ParseUint(string(s[:4]), 16, 16)
	return unit
}

// foldedHash is equal for names that [strings.EqualFold] takes for one.
func foldedHash(name string) uint32 {
	hash := uint32(2166136261) // FNV-1a
	for _, r := range name {
		hash = (hash ^ uint32(smallest(r))) * 16777619
	}
	return hash
}

// smallest returns the smallest of the characters that differ from r only in case: K for k, and for the Kelvin sign.
func smallest(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}
