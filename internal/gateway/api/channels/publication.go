package channels

import (
	"bytes"
	"encoding/json"

	"portcullis/internal/gateway/api"
	"portcullis/internal/hub"
)

// depthMost is how deep the brackets of a payload may nest, as on a connection: whoever hears it reads it with whatever they have.
const depthMost = 64

const needsData = `a message has data: any JSON value, null too`

// publication reads what is to be said from the members of an object.
func publication(members map[string]json.RawMessage) (hub.Publication, error) {
	data, there := members["data"]
	if !there {
		return hub.Publication{}, api.Unreadable(needsData)
	}
	return text(data)
}

// text is a payload that is JSON. It is compacted: what one line of a frame holds has no line break in it.
func text(data []byte) (hub.Publication, error) {
	if deep(data) {
		return hub.Publication{}, api.Unreadable("data nests deeper than 64 brackets")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return hub.Publication{}, api.Unreadable("data is no JSON")
	}
	return hub.Publication{Data: compact.Bytes()}, nil
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
