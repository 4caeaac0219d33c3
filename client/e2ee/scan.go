package e2ee

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// What is here walks through text that is known to be JSON.

// check refuses what readers may understand differently, at any depth.
func (v value) check(depth int) error {
	switch {
	case depth > maxDepth && (v[0] == '[' || v[0] == '{'):
		return fmt.Errorf("it is more than %d deep", maxDepth)
	case v[0] == '"' && !v.whole():
		return errHalf
	case v[0] == '[':
		for element := range v.elements() {
			if err := element.check(depth + 1); err != nil {
				return err
			}
		}
	case v[0] == '{':
		return v.members().check(depth)
	}
	return nil
}

var errHalf = errors.New("it has half a surrogate pair")

func (o object) check(depth int) error {
	for _, f := range o {
		if !f.quoted.whole() {
			return errHalf
		}
		if err := f.value.check(depth + 1); err != nil {
			return err
		}
	}
	return o.once()
}

// once refuses a name that is there twice.
func (o object) once() error {
	if len(o) > 16 { // more than any text of ours has: comparing each with each would be the writer's to choose
		o = slices.SortedFunc(slices.Values(o), func(a, b field) int { return strings.Compare(a.name, b.name) })
		for i := 1; i < len(o); i++ {
			if o[i].name == o[i-1].name {
				return fmt.Errorf("it has %.64q twice", o[i].name)
			}
		}
		return nil
	}
	for i := range o {
		for j := range i {
			if o[i].name == o[j].name {
				return fmt.Errorf("it has %.64q twice", o[i].name)
			}
		}
	}
	return nil
}

func (v value) members() object {
	o := make(object, 0, 10)
	for p := range v.pieces() {
		name, _ := p.name.text()
		o = append(o, field{name, p.name, p.value})
	}
	return o
}

func (v value) elements() iter.Seq[value] {
	return func(yield func(value) bool) {
		for p := range v.pieces() {
			if !yield(p.value) {
				return
			}
		}
	}
}

// piece is an element of an array, or a member of an object with its name in quotes.
type piece struct{ name, value value }

func (v value) pieces() iter.Seq[piece] {
	return func(yield func(piece) bool) {
		rest := v[1 : len(v)-1]
		for {
			rest = bytes.TrimLeft(rest, " \t\r\n,")
			if len(rest) == 0 {
				return
			}
			var p piece
			if v[0] == '{' {
				p.name = rest[:length(rest)]
				rest = bytes.TrimLeft(rest[len(p.name):], " \t\r\n:")
			}
			p.value = rest[:length(rest)]
			rest = rest[len(p.value):]
			if !yield(p) {
				return
			}
		}
	}
}

// length is how long the value at the start of text is.
func length(text []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
			continue
		case c == '{' || c == '[':
			depth++
			continue
		case c == '}' || c == ']':
			depth--
		case bytes.IndexByte([]byte(", :\t\r\n"), c) >= 0:
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 && !quoted {
			return i + 1
		}
	}
	return len(text)
}

// whole reports whether a text has no half of a surrogate pair: encoding/json reads each as U+FFFD, and two users as one.
func (v value) whole() bool {
	for i := 1; i < len(v)-1; i++ {
		if v[i] != '\\' {
			continue
		}
		if i++; v[i] != 'u' {
			continue
		}
		unit := codeUnit(v[i+1:])
		if i += 4; unit < 0xD800 || unit > 0xDFFF {
			continue
		}
		low := v[i+1:]
		if unit > 0xDBFF || !bytes.HasPrefix(low, []byte(`\u`)) || codeUnit(low[2:])>>10 != 0xDC00>>10 {
			return false
		}
		i += 6
	}
	return true
}

// codeUnit reads the four hexadecimal digits at the start of v.
func codeUnit(v value) uint64 {
	unit, _ := strconv.ParseUint(string(v[:4]), 16, 16)
	return unit
}
