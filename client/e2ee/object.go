package e2ee

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// value is one JSON value, as it was written.
type value []byte

// object is a JSON object whose members have one name each.
type object []field

type field struct {
	name   string
	quoted value // the name as it was written
	value  value
}

const maxDepth = 16

// readObject reads one JSON object and nothing after it. Two readers understand it alike or it is refused: no name twice at any depth (RFC 8259, section 4, leaves
// it to the reader), no bytes that are no UTF-8, no half of a surrogate pair.
func readObject(text []byte) (object, error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errors.New("it is no JSON")
	}
	v := value(bytes.TrimSpace(text))
	if v[0] != '{' {
		return nil, errors.New("it is no JSON object")
	}
	o := v.members()
	return o, o.check(1)
}

func (o object) lookup(name string) (value, bool) {
	i := slices.IndexFunc(o, func(f field) bool { return f.name == name })
	if i < 0 {
		return nil, false
	}
	return o[i].value, true
}

// exactly returns the values of the members names, in that order, if there are these and no others.
func (o object) exactly(names ...string) ([]value, error) {
	values := make([]value, len(names))
	for i, name := range names {
		v, ok := o.lookup(name)
		if !ok {
			return nil, fmt.Errorf("there is no %q", name)
		}
		values[i] = v
	}
	if len(o) != len(names) {
		return nil, fmt.Errorf("it has %d members; it must have %q alone", len(o), names)
	}
	return values, nil
}

// text is a member that must be a string, empty where it is another thing or missing.
func (o object) text(name string) string {
	v, _ := o.lookup(name)
	s, _ := v.text()
	return s
}

func (v value) text() (string, bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	if inside := v[1 : len(v)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return string(inside), true
	}
	var s string
	err := json.Unmarshal(v, &s)
	return s, err == nil
}

// maxInteger is the largest that every reader of JSON holds exactly (RFC 8259, section 6).
const maxInteger = 1<<53 - 1

// integer reads digits alone: 1.0 and 1e0 are one for some readers and no integer for others.
func (v value) integer() (uint64, bool) {
	n, err := strconv.ParseUint(string(v), 10, 64)
	if err != nil || n > maxInteger {
		return 0, false
	}
	return n, true
}

// object returns the members of an object that readObject has checked.
func (v value) object() (object, bool) {
	if len(v) == 0 || v[0] != '{' {
		return nil, false
	}
	return v.members(), true
}
