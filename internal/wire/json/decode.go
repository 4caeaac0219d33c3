package json

import (
	"bytes"
	"encoding/json"
	"strconv"

	"portcullis/internal/wire"
)

// maxID is the largest integer that every JSON reader holds exactly (RFC 8259, section 6).
const maxID = 1<<53 - 1

// verbs are the types that a client sends.
var verbs = func() map[string]wire.Verb {
	m := make(map[string]wire.Verb)
	for _, v := range wire.Verbs {
		m[string(v)] = v
	}
	return m
}()

// Decode serves each object of a text frame; several are separated by white space, in practice by newlines.
func (codec) Decode(op wire.Opcode, payload []byte, serve func(wire.Request, *wire.Fault) bool) wire.Close {
	if op != wire.Text {
		return wire.UnsupportedPayload
	}
	s := scanner{b: payload}
	for first := true; ; first = false {
		start := s.i // white space counts too: it would slip past the limit on bytes
		s.space()
		if s.i == len(s.b) && !first {
			return wire.Close{}
		}
		fields, twice, broken := s.object()
		r, fault := fields.request()
		switch {
		case broken != nil:
			// Where an object breaks off, nobody knows where the next begins: the rest of the frame is one bad request.
			fault = broken
			s.i = len(s.b)
		case twice != nil:
			fault = twice
		}
		s.space()
		r.Size = s.i - start
		if !serve(r, fault) || broken != nil {
			return wire.Close{}
		}
	}
}

// field is a member of a request, or of a position in one, that this dialect knows.
type field uint8

const (
	fType field = iota
	fID
	fChannel
	fData
	fSince
	fStrict
	fJoinLeave
	fSelf
	fBase64
	fKey
	fEncryption
	fLimit
	fReverse
	fToken
	fOffset
	fEpoch
	fieldCount
)

var names = [fieldCount]string{"type", "id", "channel", "data", "since", "strict", "join_leave", "self", "base64", "idempotency_key", "encryption", "limit", "reverse", "token", "offset", "epoch"}

// fields are the values of one object's known members, as they stand in the text; nil where there is none.
type fields [fieldCount][]byte

func bad(message string) *wire.Fault { return &wire.Fault{Code: wire.BadRequest, Message: message} }

// object steps over one object and keeps its known members. twice is a member that the object has two of; broken is where it breaks off.
func (s *scanner) object() (f fields, twice, broken *wire.Fault) {
	if !s.is('{') {
		return f, nil, bad(`a request is a JSON object such as {"type":"ping","id":1}`)
	}
	s.space()
	if s.is('}') {
		return f, nil, nil
	}
	for {
		s.space()
		start := s.i
		if !s.key() {
			return f, nil, s.broken()
		}
		known, is := lookup(s.b[start:s.i])
		s.space()
		start = s.i
		if !s.value() {
			return f, nil, s.broken()
		}
		if is && f[known] != nil {
			twice = bad("member " + names[known] + " stands twice: readers disagree which one counts")
		} else if is {
			f[known] = s.b[start:s.i]
		}
		s.space()
		if s.is('}') {
			return f, twice, nil
		}
		if !s.is(',') {
			return f, nil, s.broken()
		}
	}
}

func (s *scanner) broken() *wire.Fault {
	return bad("the request is not JSON (RFC 8259) at byte " + strconv.Itoa(s.i) + ", or nests deeper than " + strconv.Itoa(maxDepth))
}

// lookup finds the field of a key that stands as "name" : in the text, its quotes and colon included.
func lookup(key []byte) (field, bool) {
	name := key[1:bytes.LastIndexByte(key, '"')]
	if bytes.IndexByte(name, '\\') >= 0 {
		plain, ok := unquote(key[:len(name)+2])
		if !ok {
			return 0, false
		}
		name = []byte(plain)
	}
	for i, known := range names {
		if string(name) == known {
			return field(i), true
		}
	}
	return 0, false
}

// unquote reads a JSON string.
func unquote(text []byte) (string, bool) {
	if len(text) < 2 || text[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1]), true
	}
	var s string
	return s, json.Unmarshal(text, &s) == nil
}

// request reads the members' values. What it can read it returns with a fault too, so that the answer has the request's id.
func (f *fields) request() (r wire.Request, fault *wire.Fault) {
	if r.ID = f.knownID(); r.ID == 0 && f[fID] != nil {
		return r, bad("id must be an integer from 1 to 9007199254740991, or be left out")
	}
	name, ok := unquote(f[fType])
	if !ok {
		return r, bad("type is missing or no text: say what you ask for, such as echo, subscribe or publish")
	}
	if r.Verb, ok = verbs[name]; !ok {
		return r, &wire.Fault{Code: wire.UnknownType, Message: "type " + strconv.Quote(cut(name, 64)) + " is not one that a client sends"}
	}
	switch r.Verb {
	case wire.Ping:
		return r, nil
	case wire.Refresh:
		if r.Token, ok = unquote(f[fToken]); !ok || r.Token == "" {
			return r, bad("refresh needs a token, as a text")
		}
		return r, nil
	}
	if r.Channel, ok = unquote(f[fChannel]); !ok {
		return r, bad(string(r.Verb) + " needs a channel, as a text")
	}
	switch r.Verb {
	case wire.Echo, wire.Publish:
		return r, f.payload(&r)
	case wire.Subscribe:
		return r, f.start(&r)
	case wire.History:
		return r, f.page(&r)
	}
	return r, nil
}

func (f *fields) knownID() int64 {
	id, err := strconv.ParseInt(string(f[fID]), 10, 64)
	if err != nil || id < 1 || id > maxID {
		return 0
	}
	return id
}

// cut shortens a client's text to what an answer may repeat.
func cut(s string, most int) string {
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
