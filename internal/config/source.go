package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Source knows where the keys of one part of a configuration, the main file or a tenant, stand. Packages that check what they own
// ask it for a [Problem] with a place. The Source of a configuration that was made in a program is zero and knows no place.
type Source struct {
	file   string
	prefix string // of the part inside its file, like tenants[2]; empty for a whole file
	root   ast.Node
	begin  place

	which which // unknown of what was not read from a file of its own

	// Of a tenant's file, whose tree is let go: it is fifty times as large as the text, and a place is rarely asked for.
	text  string
	clean bool // nothing was wrong with it
}

// At returns the place of the value at path, which is relative to this part: rules[2].channels[0]. A key that is no plain word is written
// claims["a key"]. Where the path leads further than the file does, it is the place of the nearest part that exists.
func (s Source) At(path string) (file string, line, column int) {
	_, at, _ := s.find(path)
	return s.file, at.line, at.column
}

// Problem is an [Error] at path. The message should name the value, the rule and the remedy.
func (s Source) Problem(path, format string, args ...any) Problem {
	_, at, _ := s.find(path)
	return s.problem(at, path, fmt.Sprintf(format, args...))
}

// Warning is a [Warning] at path.
func (s Source) Warning(path, format string, args ...any) Problem {
	p := s.Problem(path, format, args...)
	p.Severity = Warning
	return p
}

func (s Source) problem(at place, path, message string) Problem {
	return Problem{File: s.file, Line: at.line, Column: at.column, Path: join(s.prefix, path), Message: message}
}

// has reports whether the file has something at path, of whatever kind.
func (s Source) has(path string) bool {
	_, _, ok := s.find(path)
	return ok
}

// isMapping reports whether the value at path is a mapping, so that it makes sense to ask what is missing in it.
func (s Source) isMapping(path string) bool {
	n, _, _ := s.find(path)
	_, ok := n.(*ast.MappingNode)
	return ok
}

// isEmpty reports whether the value at path is a mapping without a key.
func (s Source) isEmpty(path string) bool {
	n, _, _ := s.find(path)
	m, ok := n.(*ast.MappingNode)
	return ok && len(m.Values) == 0
}

// find walks from the part's root along path.
func (s Source) find(path string) (n ast.Node, at place, ok bool) {
	n, at = s.root, s.begin
	if n == nil && s.text != "" {
		if again, err := parse([]byte(s.text)); err == nil {
			n = again
		}
	}
	for path != "" {
		if n == nil {
			return nil, at, false
		}
		var child ast.Node
		var key *token.Token
		name, index, rest, wellFormed := cut(path)
		switch n := n.(type) {
		case *ast.MappingNode:
			if index < 0 {
				child, key = lookup(n, name)
			}
		case *ast.SequenceNode:
			if wellFormed && index >= 0 && index < len(n.Values) {
				child = n.Values[index]
			}
		}
		if !wellFormed || child == nil {
			return nil, at, false
		}
		n, at, path = child, beginning(key, child), rest
	}
	return n, at, n != nil
}

// lookup returns the first value of a key.
func lookup(m *ast.MappingNode, name string) (ast.Node, *token.Token) {
	for _, entry := range m.Values {
		if key := entry.Key.GetToken(); key.Value == name {
			return entry.Value, key
		}
	}
	return nil, nil
}

// beginning is where an operator looks for a value: at its first character, or at its key where the value is a block below it or missing.
func beginning(key *token.Token, n ast.Node) place {
	switch n := n.(type) {
	case *ast.MappingNode:
		if n.IsFlowStyle || len(n.Values) == 0 {
			return placeOf(n.Start)
		}
		if key == nil {
			key = n.Values[0].Key.GetToken()
		}
		return placeOf(key)
	case *ast.SequenceNode:
		if !n.IsFlowStyle && key != nil {
			return placeOf(key)
		}
		return placeOf(n.Start)
	case *ast.NullNode:
		if key != nil {
			return placeOf(key)
		}
	}
	return placeOf(n.GetToken())
}

// join appends a key or an [index] to a path.
func join(path, step string) string {
	if path == "" || step == "" || step[0] == '[' {
		return path + step
	}
	return path + "." + step
}

// step writes a key as [cut] reads it.
func step(key string) string {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) || strings.ContainsRune(`.[]"`, r) }) {
		return "[" + strconv.Quote(key) + "]"
	}
	return key
}

// cut takes the first step off a path: a name, or an index that is -1 where the step is a name.
func cut(path string) (name string, index int, rest string, ok bool) {
	switch {
	case strings.HasPrefix(path, `["`):
		quoted, err := strconv.QuotedPrefix(path[1:])
		if err != nil {
			return "", -1, "", false
		}
		name, _ = strconv.Unquote(quoted)
		rest, ok = strings.CutPrefix(path[1+len(quoted):], "]")
		index = -1
	case path[0] == '[':
		number, after, closed := strings.Cut(path[1:], "]")
		n, err := strconv.Atoi(number)
		index, rest, ok = n, after, closed && err == nil
	default:
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		name, index, rest, ok = path[:end], -1, path[end:], end > 0
	}
	return name, index, strings.TrimPrefix(rest, "."), ok
}
