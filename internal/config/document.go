package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a file may be. The parser recurses for each level and takes quadratic time for the keys of one block, so both are
// counted before it runs.
const (
	maxFile  = 1 << 20 // bytes
	maxDepth = 32      // levels of mappings and lists
	maxKeys  = 1000    // keys of one mapping
)

// place is where a piece of a file begins, from 1.
type place struct{ line, column int }

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// syntaxError is why a file is not the small part of YAML that a configuration needs.
type syntaxError struct {
	place
	message string
}

func (e *syntaxError) Error() string { return e.message }

func syntax(t *token.Token, format string, args ...any) *syntaxError {
	return &syntaxError{placeOf(t), fmt.Sprintf(format, args...)}
}

// parse reads one document whose root is a mapping. It never panics, and its time is bounded by the size of data.
func parse(data []byte) (root *ast.MappingNode, err error) {
	// The parser is somebody else's and has paniced on malformed input before; an operator gets a position, not a stack.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, syntax(nil, "the file is no YAML that can be read: %v", r)
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := readable(data); err != nil {
		return nil, err
	}
	tokens := lexer.Tokenize(string(data))
	if err := plain(tokens); err != nil {
		return nil, err
	}
	// The decoder refuses duplicate keys with all other problems; here one would hide the rest.
	file, parseErr := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if e := yaml.Error(nil); errors.As(parseErr, &e) {
		return nil, syntax(e.GetToken(), "%s", remedied(e.GetMessage()))
	} else if parseErr != nil {
		return nil, syntax(nil, "%v", parseErr)
	}
	return document(file)
}

// remedied adds to the parser's message what most often helps.
func remedied(message string) string {
	if strings.Contains(message, "\t") {
		return "a tab stands where YAML counts spaces; indent with spaces"
	}
	return message + "; a text with : # { } [ ] , in it, or one of * & ! % @ before it, needs quotes; else check the indentation"
}

// readable refuses what no text editor would write.
func readable(data []byte) error {
	at := place{1, 1}
	for rest := data; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return &syntaxError{at, fmt.Sprintf("byte 0x%02x is no UTF-8; save the file as UTF-8", rest[0])}
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f:
			return &syntaxError{at, fmt.Sprintf("the control character 0x%02x has no place in a configuration; remove it", r)}
		case r == '\n':
			at = place{at.line + 1, 0}
		}
		at.column++
		rest = rest[size:]
	}
	return nil
}

// plain refuses the features of YAML that a configuration does not need and that hide what it says, and whatever is too deep or too wide.
func plain(tokens token.Tokens) error {
	var flow []int // the keys of each open bracket
	var block []level
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return syntax(t, "anchors and aliases (%s) are not read; write the value out, or put it in quotes if it is a text", t.Value)
		case token.TagType:
			return syntax(t, "tags (%s) are not read; leave it out, or put it in quotes if it is a text", t.Value)
		case token.MappingKeyType:
			return syntax(t, "keys behind ? are not read; write key: value")
		case token.SequenceStartType, token.MappingStartType:
			flow = append(flow, 0)
		case token.SequenceEndType, token.MappingEndType:
			flow = flow[:max(len(flow)-1, 0)]
		case token.SequenceEntryType, token.MappingValueType:
			if n := len(flow); n > 0 {
				flow[n-1]++
			} else {
				block = enter(block, t)
			}
		}
		if len(block)+len(flow) > maxDepth {
			return syntax(t, "more than %d levels of lists and mappings; a configuration has fewer than ten", maxDepth)
		}
		if b, f := len(block), len(flow); b > 0 && block[b-1].keys > maxKeys || f > 0 && flow[f-1] > maxKeys {
			return syntax(t, "more than %d keys in one mapping; spread what it holds over several", maxKeys)
		}
	}
	return nil
}

// level is an open block: the column in which its entries begin, and how many keys it had.
type level struct{ column, keys int }

// enter counts the list entry or key that t marks, and closes the blocks that it ends. A list may begin in the column of its key.
func enter(block []level, t *token.Token) []level {
	first, keys := t, 0
	if t.Type == token.MappingValueType {
		keys = 1
		if p := t.Prev; p != nil && placeOf(p).line == placeOf(t).line {
			first = p
		}
	}
	column := placeOf(first).column
	for n := len(block); n > 0 && block[n-1].column > column; n = len(block) {
		block = block[:n-1]
	}
	if n := len(block); n > 0 && block[n-1].column == column {
		block[n-1].keys += keys
		return block
	}
	return append(block, level{column, keys})
}

// document returns the mapping that the file's one document must be.
func document(file *ast.File) (*ast.MappingNode, error) {
	const want = "the file must be one mapping of keys to values"
	if len(file.Docs) > 1 {
		second := file.Docs[1]
		at := second.Start
		if at == nil && second.Body != nil {
			at = second.Body.GetToken()
		}
		return nil, syntax(at, "a second document begins here; %s", want)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, syntax(nil, "the file is empty; %s", want)
	}
	root, ok := file.Docs[0].Body.(*ast.MappingNode)
	if !ok {
		return nil, syntax(file.Docs[0].Body.GetToken(), "%s, not %s", want, kindOf(file.Docs[0].Body))
	}
	return root, nil
}

// kindOf names a node's kind as an operator would.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	}
	return "something else"
}
