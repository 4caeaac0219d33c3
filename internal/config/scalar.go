package config

import (
	"encoding"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// text decodes a string, a number in quotes included.
func (d *decoder) text(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	s, isScalar := scalar(n)
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
	default:
		if isScalar {
			d.fail(path, "must be a text, but %s unquoted is %s; write %q", s, kindOf(n), s)
			return
		}
		d.fail(path, "must be a text, not %s", kindOf(n))
		return
	}
	if s == "" {
		d.fail(path, "is an empty text; write one, or remove the key")
		return
	}
	if control(s) {
		d.fail(path, "%q holds a line break or another control character; remove it", s)
		return
	}
	if !d.among(path, s, tag) {
		return
	}
	if v.Type() == reflect.TypeFor[File]() && !filepath.IsAbs(s) {
		s = filepath.Join(filepath.Dir(d.file), s)
	}
	v.SetString(s)
}

// word decodes a value whose type reads itself.
func (d *decoder) word(path string, n ast.Node, v reflect.Value, into encoding.TextUnmarshaler, tag reflect.StructTag) {
	s, ok := scalar(n)
	if !ok {
		d.fail(path, "must be one value, not %s", kindOf(n))
		return
	}
	if !d.among(path, s, tag) {
		return
	}
	preset := v.Interface()
	if err := into.UnmarshalText([]byte(s)); err != nil {
		d.fail(path, "%v", err)
		return
	}
	if bound, ok := limitOf(v, tag.Get("max")); ok && v.Int() > bound.Int() {
		d.fail(path, "%v is more than %v, the most that is allowed", v, bound)
	} else if bound, ok := limitOf(v, tag.Get("min")); ok && v.Int() < bound.Int() {
		d.fail(path, "%v is less than %v, the least that is allowed", v, bound)
	} else {
		return
	}
	v.Set(reflect.ValueOf(preset))
}

// limitOf reads the bound of a value as the value's own type does.
func limitOf(v reflect.Value, bound string) (reflect.Value, bool) {
	if bound == "" {
		return v, false
	}
	limit := reflect.New(v.Type())
	if err := limit.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(bound)); err != nil {
		panic("config: bound " + bound + ": " + err.Error())
	}
	return limit.Elem(), true
}

// among checks a word against the enum of its field.
func (d *decoder) among(path, s string, tag reflect.StructTag) bool {
	if tag.Get("enum") == "" {
		return true
	}
	words := strings.Split(tag.Get("enum"), ",")
	if slices.Contains(words, s) {
		return true
	}
	if near := nearest(s, words); near != "" {
		d.fail(path, "%q is none of %s; did you mean %q?", s, strings.Join(words, ", "), near)
	} else {
		d.fail(path, "%q is none of %s; write one of these", s, strings.Join(words, ", "))
	}
	return false
}

// preset gives a field its default. A list is written [a, b].
func preset(v reflect.Value, tag reflect.StructTag) {
	text, ok := tag.Lookup("default")
	if !ok {
		return
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.ValueOf(strings.Split(strings.Trim(text, "[]"), ", ")))
		return
	}
	if v.Kind() == reflect.Bool {
		v.SetBool(text == "true")
		return
	}
	if into, ok := v.Addr().Interface().(encoding.TextUnmarshaler); !ok {
		v.SetString(text)
	} else if err := into.UnmarshalText([]byte(text)); err != nil {
		panic("config: default " + text + ": " + err.Error())
	}
}

// scalar returns a single value as it is written; a boolean in lower case.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode:
		return fmt.Sprint(n.Value), true
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func control(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
