package blackbox_test

import (
	"bytes"
	"testing"
)

// formOf is a frame without what is said in it: its members in their order, and of their values what kind they are, with the words that the document knows. What users say, the value
// of data and of info, is left out. Frames of one form are as the document has them, all of them or none, but for how large a number may be and how a text is written.
func formOf(frame []byte) string {
	var form []byte
	key := "" // of the value that comes next
	for i := 0; i < len(frame); {
		switch b := frame[i]; {
		case b == '"':
			end := i + closing(frame[i:])
			text := string(frame[i:end])
			if i = end; i < len(frame) && frame[i] == ':' {
				key = text
				form = append(form, text...)
				continue
			}
			if key == `"type"` || key == `"code"` || key == `"reason"` {
				form = append(form, text...)
			} else {
				form = append(form, '"')
			}
		case (b == ':') && (key == `"data"` || key == `"info"`):
			form = append(form, ":..."...)
			i += 1 + valueOf(frame[i+1:])
		case b == '-' || b >= '0' && b <= '9':
			end := i + len(frame[i:]) - len(bytes.TrimLeft(frame[i:], "-+.eE0123456789"))
			form = append(form, '1')
			if number := frame[i:end]; b == '-' || b == '0' || bytes.ContainsAny(number, ".eE") { // no positive integer
				form = append(form[:len(form)-1], number...)
			}
			i = end
		default:
			form = append(form, b)
			i++
		}
	}
	return string(form)
}

// closing is where a text ends that begins here.
func closing(s []byte) int {
	for i := 1; i < len(s); i++ {
		n := bytes.IndexAny(s[i:], `"\`)
		if n < 0 {
			break
		}
		if i += n; s[i] == '"' {
			return i + 1
		}
		i++ // what is escaped
	}
	return len(s)
}

// valueOf is where a value ends that begins here.
func valueOf(s []byte) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += closing(s[i:]) - 1
		case '{', '[':
			depth++
		case ',':
			if depth == 0 {
				return i
			}
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return len(s)
}

func TestFramesOfOneForm(t *testing.T) {
	const message = `{"type":"message","channel":"room:1","offset":45,"previous":44,"time":1767222000123,"from":{"user":"ana","connection":"c_1"},"data":{"text":"hi"}}`
	for name, frame := range map[string]string{
		"another channel, place and user": `{"type":"message","channel":"hall:2","offset":7,"previous":1,"time":1,"from":{"user":"b\"o\\b\\","connection":"c_2"},"data":{"text":"hi"}}`,
		"other data":                      `{"type":"message","channel":"room:1","offset":45,"previous":44,"time":1767222000123,"from":{"user":"ana","connection":"c_1"},"data":["}",{"a":"\"]"},-1.5]}`,
	} {
		if got, want := formOf([]byte(frame)), formOf([]byte(message)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	seen := map[string]string{formOf([]byte(message)): "the message"}
	for name, frame := range map[string]string{
		"another type":          `{"type":"massage","channel":"room:1","offset":45,"previous":44,"time":1767222000123,"from":{"user":"ana","connection":"c_1"},"data":{"text":"hi"}}`,
		"nothing before":        `{"type":"message","channel":"room:1","offset":45,"previous":0,"time":1767222000123,"from":{"user":"ana","connection":"c_1"},"data":{"text":"hi"}}`,
		"a negative number":     `{"type":"message","channel":"room:1","offset":45,"previous":-44,"time":1767222000123,"from":{"user":"ana","connection":"c_1"},"data":{"text":"hi"}}`,
		"a number as a text":    `{"type":"message","channel":"room:1","offset":"45","previous":44,"time":1767222000123,"from":{"user":"ana","connection":"c_1"},"data":{"text":"hi"}}`,
		"no connection":         `{"type":"message","channel":"room:1","offset":45,"previous":44,"time":1767222000123,"from":{"user":"ana"},"data":{"text":"hi"}}`,
		"one more member":       `{"type":"message","channel":"room:1","offset":45,"previous":44,"time":1767222000123,"from":{"user":"ana","connection":"c_1"},"data":{"text":"hi"},"x":1}`,
		"a member of from":      `{"type":"message","channel":"room:1","offset":45,"previous":44,"time":1767222000123,"from":{"user":"ana","connection":"c_1","token":"t"},"data":{"text":"hi"}}`,
		"an error":              `{"type":"error","id":4,"code":"forbidden","message":"no"}`,
		"an error of that code": `{"type":"error","id":4,"code":"bad_request","message":"no"}`,
	} {
		form := formOf([]byte(frame))
		if other, twice := seen[form]; twice {
			t.Errorf("%s has the form of %s: %s", name, other, form)
		}
		seen[form] = name
	}
}
