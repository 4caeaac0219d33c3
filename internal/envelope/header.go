package envelope

import (
	"encoding/base64"

	"portcullis/internal/channel"
)

// longest is how long the header's part may be.
var longest = base64.RawURLEncoding.EncodedLen(mostJSON)

// check reads the first part, the protected header.
func check(part []byte, at channel.Ref) Flaw {
	if len(part) > longest || !encoded(part) {
		return Header
	}
	var room [mostJSON]byte
	n, err := base64.RawURLEncoding.Decode(room[:], part)
	if err != nil {
		return Header
	}
	h := header{text: room[:n]}
	return h.check(at)
}

// header is a JSON object that is being read, from i on.
type header struct {
	text []byte
	i    int
}

// member is one that a header must have, as a bit of those that were read.
type member uint8

const (
	alg member = 1 << iota
	enc
	kid
	tenant
	channelName
	cty
	all = 1<<iota - 1
)

// check reads all members, in any order.
func (h *header) check(at channel.Ref) Flaw {
	if h.space(); !h.is('{') {
		return Header
	}
	var seen, next member
	for {
		name, value, ok := h.pair()
		if !ok {
			return Members
		}
		var flaw Flaw
		if next, flaw = judge(name, value, at); flaw != "" {
			return flaw
		}
		if seen&next != 0 {
			return Members
		}
		seen |= next
		if h.is(',') {
			continue
		}
		closed := h.is('}')
		if h.space(); !closed || h.i < len(h.text) || seen != all {
			return Members
		}
		return ""
	}
}

// judge says which member has that name, and what is wrong with its value.
func judge(name, value []byte, at channel.Ref) (member, Flaw) {
	switch string(name) {
	case "alg":
		return alg, unless(string(value) == "dir", Algorithm)
	case "enc":
		return enc, unless(string(value) == "A256GCM", Algorithm)
	case "cty":
		return cty, unless(string(value) == "JWS", Algorithm)
	case "kid":
		return kid, unless(len(value) == kidSize && encoded(value), Key)
	case "tenant":
		return tenant, unless(string(value) == at.Tenant.String(), Tenant)
	case "channel":
		return channelName, unless(string(value) == at.Name.String(), Channel)
	}
	return 0, Members
}

func unless(right bool, flaw Flaw) Flaw {
	if right {
		return ""
	}
	return flaw
}

// pair reads a name and its value, and the space around them.
func (h *header) pair() (name, value []byte, ok bool) {
	h.space()
	if name, ok = h.string(); !ok {
		return nil, nil, false
	}
	if h.space(); !h.is(':') {
		return nil, nil, false
	}
	h.space()
	value, ok = h.string()
	h.space()
	return name, value, ok
}

// string reads a JSON string that has no escapes. None of the values that are right needs one, and so each has one spelling.
func (h *header) string() (text []byte, ok bool) {
	if !h.is('"') {
		return nil, false
	}
	for start := h.i; h.i < len(h.text); h.i++ {
		switch b := h.text[h.i]; {
		case b == '"':
			h.i++
			return h.text[start : h.i-1], true
		case b == '\\', b < ' ':
			return nil, false
		}
	}
	return nil, false
}

// is steps over a byte where it is the next.
func (h *header) is(b byte) bool {
	if h.i < len(h.text) && h.text[h.i] == b {
		h.i++
		return true
	}
	return false
}

// space steps over white space (RFC 8259, section 2).
func (h *header) space() {
	for h.i < len(h.text) {
		switch h.text[h.i] {
		case ' ', '\t', '\n', '\r':
			h.i++
		default:
			return
		}
	}
}
