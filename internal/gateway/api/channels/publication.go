package channels

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"portcullis/internal/gateway/api"
	"portcullis/internal/hub"
	wire "portcullis/internal/wire/json"
)

// depthMost is how deep the brackets of a payload may nest, as on a connection: whoever hears it reads it with whatever they have.
const depthMost = 64

// raw is JSON that stays as it is.
type raw = json.RawMessage

// publication reads what is to be said from the members of an object.
func publication(members map[string]raw) (hub.Publication, error) {
	p, err := payload(members)
	if said, there := members["encryption"]; there && err == nil {
		var name *string
		if json.Unmarshal(said, &name) != nil || name == nil || *name != wire.Encryption {
			return p, api.Unreadable(fmt.Sprintf("encryption %.64s is not known; send %q beside data that is one, or leave it out", said, wire.Encryption))
		}
		p.Sealed = true
	}
	return p, err
}

// payload reads what is said itself.
func payload(members map[string]raw) (hub.Publication, error) {
	data, isText := members["data"]
	encoded, isBytes := members["base64"]
	switch {
	case isText && isBytes:
		return hub.Publication{}, api.Unreadable("a message has data and base64; send one of the two")
	case isText:
		return text(data)
	case isBytes:
		return binary(encoded)
	}
	return hub.Publication{}, api.Unreadable("a message has data, any JSON value, null too; or base64 for bytes")
}

// text is a payload that is JSON. It is compacted: what one line of a frame holds has no line break in it.
func text(data []byte) (hub.Publication, error) {
	if deep(data) {
		return hub.Publication{}, api.Unreadable("data nests deeper than 64 brackets")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return hub.Publication{}, api.Unreadable("data is no JSON; send a JSON value, or bytes as base64")
	}
	return hub.Publication{Data: compact.Bytes()}, nil
}

// binary is a payload of bytes: base64 with padding (RFC 4648, section 4), without line breaks.
func binary(encoded raw) (hub.Publication, error) {
	var written *string
	if json.Unmarshal(encoded, &written) == nil && written != nil && !bytes.ContainsAny([]byte(*written), "\r\n") { // which the decoder would pass over
		if data, err := base64.StdEncoding.Strict().DecodeString(*written); err == nil {
			return hub.Publication{Data: data, Binary: true}, nil
		}
	}
	return hub.Publication{}, api.Unreadable("base64 must be bytes in base64 with padding (RFC 4648, section 4), as a text")
}

// keyed gives a publication its key, where it has one.
func keyed(p hub.Publication, key *string) (hub.Publication, error) {
	if key == nil {
		return p, nil
	}
	if *key == "" || len(*key) > wire.MaxKey {
		return p, api.Unreadable("an idempotency key has 1 to " + strconv.Itoa(wire.MaxKey) + " bytes")
	}
	p.Key = *key
	return p, nil
}

// deep reports whether the brackets of a valid JSON text nest too deep.
func deep(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '[', b == '{':
			if depth++; depth > depthMost {
				return true
			}
		case b == ']', b == '}':
			depth--
		}
	}
	return false
}
