package json

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// Encryption is what stands beside data that is end-to-end encrypted: it is a JWE (RFC 7516).
const Encryption = "jwe"

// MaxKey is how many bytes an idempotency key may have.
const MaxKey = 64

// payload reads what echo and publish carry.
func (f *fields) payload(r *wire.Request) *wire.Fault {
	r.Data, r.Opcode = f[fData], wire.Text
	if fault := f.encryption(r); fault != nil {
		return fault
	}
	if r.Verb == wire.Publish {
		if fault := f.key(r); fault != nil {
			return fault
		}
		if f[fBase64] != nil {
			return f.bytes(r)
		}
	}
	if r.Data == nil {
		return bad(string(r.Verb) + " needs data: any JSON value, null too")
	}
	return nil
}

// encryption reads what the client says of the payload. Whether that is true is the hub's to ask, behind the rights.
func (f *fields) encryption(r *wire.Request) *wire.Fault {
	if f[fEncryption] == nil {
		return nil
	}
	if text, ok := unquote(f[fEncryption]); !ok || text != Encryption {
		return bad("encryption " + cut(string(f[fEncryption]), 64) + ` is not known; send "` + Encryption + `" beside data that is one, or leave it out`)
	}
	r.Sealed = true
	return nil
}

// bytes reads a payload that is no JSON: base64 with padding (RFC 4648, section 4), without line breaks.
func (f *fields) bytes(r *wire.Request) *wire.Fault {
	if r.Data != nil {
		return bad("publish has data or base64, not both")
	}
	text, ok := unquote(f[fBase64])
	if !ok || bytes.ContainsAny([]byte(text), "\r\n") { // which the decoder would pass over
		return bad("base64 must be bytes in base64 with padding (RFC 4648, section 4), as a text")
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return bad("base64 must be bytes in base64 with padding (RFC 4648, section 4): " + err.Error())
	}
	r.Data, r.Binary, r.Opcode = data, true, wire.Binary
	return nil
}

// key reads the client's own name of a publication.
func (f *fields) key(r *wire.Request) *wire.Fault {
	if f[fKey] == nil {
		return nil
	}
	key, ok := unquote(f[fKey])
	if !ok || key == "" || len(key) > MaxKey {
		return bad("idempotency_key must be a text of 1 to " + strconv.Itoa(MaxKey) + " bytes")
	}
	r.Key = key
	return nil
}

// start reads where and how a subscriber wants to begin.
func (f *fields) start(r *wire.Request) *wire.Fault {
	if fault := f.flags(r, fStrict, fJoinLeave, fSelf); fault != nil {
		return fault
	}
	return f.since(r)
}

// page reads which part of a history is wanted.
func (f *fields) page(r *wire.Request) *wire.Fault {
	if fault := f.flags(r, fStrict, fReverse); fault != nil {
		return fault
	}
	if f[fLimit] != nil {
		n, err := strconv.ParseInt(string(f[fLimit]), 10, 64)
		if err != nil || n < 1 || n > maxID {
			return bad("limit " + cut(string(f[fLimit]), 64) + " is no whole number of at least 1; 1000 messages are the most that come at once")
		}
		r.Limit = int(min(n, 1<<30))
	}
	return f.since(r)
}

// flags reads members that are true or false.
func (f *fields) flags(r *wire.Request, known ...field) *wire.Fault {
	for _, k := range known {
		text := string(f[k])
		if text != "" && text != "true" && text != "false" {
			return bad(names[k] + " " + cut(text, 64) + " is neither true nor false; send one of the two, or leave it out")
		}
		on := text == "true"
		switch k {
		case fStrict:
			r.Strict = on
		case fReverse:
			r.Reverse = on
		case fSelf:
			r.Mute = text == "false"
		case fJoinLeave:
			r.JoinLeave = on
		}
	}
	return nil
}

// since reads a position.
func (f *fields) since(r *wire.Request) *wire.Fault {
	if f[fSince] == nil {
		return nil
	}
	inside := scanner{b: f[fSince]}
	at, twice, broken := inside.object()
	if twice != nil {
		return twice
	}
	offset, err := strconv.ParseUint(string(at[fOffset]), 10, 64)
	epoch, ok := unquote(at[fEpoch])
	if broken != nil || err != nil || !ok {
		return bad("since " + cut(string(f[fSince]), 64) + ` is no position; send one as an ok has it, such as {"offset":41,"epoch":"x7"}`)
	}
	r.Since = &message.Position{Offset: offset, Epoch: epoch}
	return nil
}
