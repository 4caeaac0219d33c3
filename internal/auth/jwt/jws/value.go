package jws

import (
	"encoding/json"
	"iter"
	"strings"
)

// Value is the text of one JSON value out of a token that [Read] accepted. It shares the token's memory: clone what is kept.
type Value string

// Text returns the value of a JSON string.
func (v Value) Text() (string, bool) {
	if v[0] != '"' {
		return "", false
	}
	inner := string(v[1 : len(v)-1])
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	var text string
	if err := json.Unmarshal([]byte(v), &text); err != nil {
		return "", false
	}
	return text, true
}

// Texts returns the values of a list of JSON strings, or of one string as a list of one.
func (v Value) Texts() ([]string, bool) {
	if text, ok := v.Text(); ok {
		return []string{text}, true
	}
	if v[0] != '[' {
		return nil, false
	}
	texts := make([]string, 0, strings.Count(string(v), ",")+1)
	for element := range v.Elements() {
		text, ok := element.Text()
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// Scalar returns a string's value, or a number or boolean as it stands in the token.
func (v Value) Scalar() (string, bool) {
	switch v[0] {
	case '"':
		return v.Text()
	case '{', '[', 'n':
		return "", false
	}
	return string(v), true
}

// IsObject reports whether v is a JSON object.
func (v Value) IsObject() bool { return v[0] == '{' }

// IsList reports whether v is a JSON array.
func (v Value) IsList() bool { return v[0] == '[' }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v[0] == 'n' }

// Elements returns the values of a JSON array in their order. v must be one.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		s := string(v)
		for i := space(s, 1); s[i] != ']'; {
			from := i
			i = end(s, i)
			if !yield(v[from:i]) {
				return
			}
			if i = space(s, i); s[i] == ',' {
				i = space(s, i+1)
			}
		}
	}
}

// members returns the names, as JSON strings, and the values of a JSON object in their order. v must be one.
func (v Value) members() iter.Seq2[Value, Value] {
	return func(yield func(name, value Value) bool) {
		s := string(v)
		for i := space(s, 1); s[i] != '}'; {
			from := i
			i = end(s, i)
			name := v[from:i]
			from = space(s, space(s, i)+1) // behind the colon
			i = end(s, from)
			if !yield(name, v[from:i]) {
				return
			}
			if i = space(s, i); s[i] == ',' {
				i = space(s, i+1)
			}
		}
	}
}

// space returns where the next token of s at or after i begins.
func space(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// end returns where the value that begins at s[i] ends. s must be valid JSON.
func end(s string, i int) int {
	switch s[i] {
	case '"':
		return endOfString(s, i)
	case '{', '[':
		return endOfBrackets(s, i)
	}
	for i < len(s) && strings.IndexByte(",]} \t\r\n", s[i]) < 0 {
		i++
	}
	return i
}

func endOfString(s string, i int) int {
	for i++; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func endOfBrackets(s string, i int) int {
	for depth := 0; ; i++ {
		switch s[i] {
		case '"':
			i = endOfString(s, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}
