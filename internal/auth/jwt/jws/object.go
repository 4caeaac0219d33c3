package jws

import (
	"encoding/json"
	"unicode/utf8"

	"portcullis/internal/auth"
)

// What one JSON text may hold. The tokens of the known services have up to 30 members, three deep.
const (
	maxMembers = 256
	maxDepth   = 8

	usualMembers = 16
)

// Member is one claim or header parameter.
type Member struct {
	Name  string
	Value Value
}

// object is the outermost JSON object of a header or of claims.
type object []Member

func (o object) lookup(name string) (Value, bool) {
	for i := range o {
		if o[i].Name == name {
			return o[i].Value, true
		}
	}
	return "", false
}

// parse reads exactly one JSON object. encoding/json decides on the grammar; the checker refuses what it would let through with
// more than one meaning: broken UTF-8, half surrogates, and names that stand twice.
func parse(what string, text []byte) (object, error) {
	if !utf8.Valid(text) {
		return nil, auth.Refuse(auth.TokenMalformed, "the %s is not UTF-8", what)
	}
	if !json.Valid(text) {
		return nil, auth.Refuse(auth.TokenMalformed, "the %s is not one JSON value", what)
	}
	s := string(text)
	from := space(s, 0)
	top := Value(s[from:end(s, from)])
	if !top.IsObject() {
		return nil, auth.Refuse(auth.TokenMalformed, "the %s is no JSON object", what)
	}
	c := checker{what: what, top: make(object, 0, usualMembers), open: make([]seen, 0, usualMembers)}
	if err := c.object(top, 1); err != nil {
		return nil, err
	}
	return c.top, nil
}
