package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Decode reads a body that is one JSON value into a document whose members are all of lower case. What encoding/json would take with more than one meaning is refused:
// of two members of one name it would use the last, and a name in any case for its own. Somebody in between, who looks at the body first, may take another one. usage says what is right.
func Decode(text []byte, into any, usage string) error {
	if !utf8.Valid(text) || !json.Valid(text) {
		return Unreadable(usage)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return Unreadable(usage)
	}
	if wrong := ambiguous(text); wrong != "" {
		return Unreadable(wrong)
	}
	return nil
}

// ambiguous says which member of a document that was read stands twice or is in no lower case, nothing where none does. An object has few names: unknown ones were refused.
func ambiguous(text []byte) string {
	type level struct {
		object, value bool // value: the name was read, and its value comes next
		names         []string
	}
	var open []level
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			return "" // the end of it
		}
		last := len(open) - 1
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:last]
			continue
		}
		if last >= 0 && open[last].object {
			l := &open[last]
			if l.value = !l.value; l.value {
				name, _ := token.(string)
				if slices.Contains(l.names, name) {
					return fmt.Sprintf("member %.64q stands twice: readers disagree which one counts; send it once", name)
				}
				if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
					return fmt.Sprintf("member %.64q is not known; the names of members are in lower case", name)
				}
				l.names = append(l.names, name)
				continue
			}
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			open = append(open, level{object: token == json.Delim('{')})
		}
	}
}

// Object reads a body that is one JSON object, and returns its members as they stand there. Names that are not known, and those that stand twice, are refused as
// by Decode; what is inside a member is whoever's it is. usage says what is right.
func Object(text []byte, usage string, known ...string) (map[string]json.RawMessage, error) {
	return Open(text, usage, func(name string) bool { return slices.Contains(known, name) })
}

// Open is [Object] for one that may have more names than anybody knows.
func Open(text []byte, usage string, known func(name string) bool) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, Unreadable(usage)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, Unreadable(usage)
	}
	members := make(map[string]json.RawMessage)
	for d.More() {
		token, _ := d.Token() // the text is valid
		name, _ := token.(string)
		if _, twice := members[name]; twice {
			return nil, Unreadable(fmt.Sprintf("member %.64q stands twice: readers disagree which one counts; send it once", name))
		}
		if !known(name) {
			return nil, Unreadable(fmt.Sprintf("member %.64q is not known; the names of members are in lower case. ", name) + usage)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, Unreadable(usage)
		}
		members[name] = value
	}
	return members, nil
}

// Values reads a JSON list, of at most one more values than most: whoever sends more is refused, and not served by the length of it. ok is false where it is no list.
func Values(text []byte, most int) (list []json.RawMessage, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('[') {
		return nil, false
	}
	for d.More() {
		var value json.RawMessage
		if len(list) > most || d.Decode(&value) != nil {
			return list, len(list) > most
		}
		list = append(list, value)
	}
	_, closed := d.Token()
	_, rest := d.Token()
	return list, closed == nil && rest == io.EOF
}
