package envelope

import (
	"encoding/base64"
	"strconv"
	"unicode"

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

// string reads a JSON string, and puts what its escapes stand for in their place.
func (h *header) string() (text []byte, ok bool) {
	if !h.is('"') {
		return nil, false
	}
	start, end := h.i, h.i
	for h.i < len(h.text) {
		b := h.text[h.i]
		h.i++
		switch {
		case b == '"':
			return h.text[start:end], true
		case b < ' ':
			return nil, false
		case b == '\\':
			if b, ok = h.escape(); !ok {
				return nil, false
			}
		}
		h.text[end] = b
		end++
	}
	return nil, false
}

// other stands for every character that no name and no right value has.
const other = 0

// escape reads what follows a backslash (RFC 8259, section 7).
func (h *header) escape() (b byte, ok bool) {
	if h.i == len(h.text) {
		return 0, false
	}
	b = h.text[h.i]
	h.i++
	switch b {
	case '"', '\\', '/':
		return b, true
	case 'b', 'f', 'n', 'r', 't':
		return other, true
	case 'u':
		return h.hex()
	}
	return 0, false
}

// hex reads the four digits of a character.
func (h *header) hex() (b byte, ok bool) {
	if len(h.text)-h.i < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(h.text[h.i:h.i+4]), 16, 16)
	if err != nil {
		return 0, false
	}
	if h.i += 4; n > unicode.MaxASCII {
		return other, true
	}
	return byte(n), true
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
