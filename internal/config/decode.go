package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills the structs of this package from one file and collects what it could not read. A value that is wrong leaves the
// field's default, and an item that is wrong keeps its place in the list, so that everything else can be read too.
type decoder struct {
	Source
	problems []Problem
}

// maxProblems is how many problems of one file are told; behind them the rest of the file is not read.
const maxProblems = 1000

// full says once, as a problem, that there are too many.
func (d *decoder) full() bool {
	if len(d.problems) <= maxProblems {
		return false
	}
	last := d.problems[maxProblems-1]
	last.Path, last.Message = "", fmt.Sprintf("the file has more than %d problems; mend these, then check it again", maxProblems)
	d.problems = append(d.problems[:maxProblems:maxProblems], last)
	return true
}

func (d *decoder) fail(path, format string, args ...any) {
	d.problems = append(d.problems, d.Problem(path, format, args...))
}

// value decodes n, which stands at path, by the rules of its field's tag.
func (d *decoder) value(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	if len(d.problems) > maxProblems {
		return
	}
	if _, null := n.(*ast.NullNode); null {
		d.fail(path, "has no value; give it one, or remove the key")
		if v.Kind() == reflect.Struct {
			d.mapping(path, nil, v)
		}
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.word(path, n, v, text, tag)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(path, n, v)
	case reflect.Slice:
		d.list(path, n, v, tag)
	case reflect.Map:
		d.pairs(path, n, v)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.fail(path, "must be true or false, not %s", kindOf(n))
			return
		}
		v.SetBool(b.Value)
	default:
		d.text(path, n, v, tag)
	}
}

// mapping decodes a struct. A nil node is a mapping that the file leaves out: all defaults.
func (d *decoder) mapping(path string, n ast.Node, v reflect.Value) {
	of := shapeOf(v.Type())
	m, ok := n.(*ast.MappingNode)
	if n != nil && !ok {
		d.fail(path, "must be a mapping of %s, not %s", strings.Join(of.keys, ", "), kindOf(n))
	}
	if m != nil {
		d.known(path, m, of.keys)
	}
	for i := range of.fields {
		field, into := &of.fields[i], v.Field(of.fields[i].index)
		if field.preset.IsValid() {
			into.Set(field.preset)
		}
		var child ast.Node
		if m != nil {
			child, _ = lookup(m, field.key)
		}
		switch {
		case child != nil:
			d.value(join(path, field.key), child, into, field.tag)
		case field.required:
			if m != nil {
				d.fail(join(path, field.key), "is missing; it has no default, so give it a value")
			}
		case into.Kind() == reflect.Struct:
			d.mapping(join(path, field.key), nil, into)
		}
	}
}

// known refuses keys that do not exist, and keys that are there twice.
func (d *decoder) known(path string, m *ast.MappingNode, keys []string) {
	first := make(map[string]place)
	for _, entry := range m.Values {
		t := entry.Key.GetToken()
		key, at := t.Value, placeOf(t)
		if before, twice := first[key]; twice {
			d.problems = append(d.problems, d.problem(at, join(path, step(key)),
				fmt.Sprintf("is there twice, first in line %d; remove one of the two", before.line)))
			continue
		}
		first[key] = at
		if keys != nil && !slices.Contains(keys, key) {
			d.problems = append(d.problems, d.problem(at, join(path, step(key)), unknown(key, keys)))
		}
	}
}

func (d *decoder) list(path string, n ast.Node, v reflect.Value, tag reflect.StructTag) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(path, "must be a list, not %s; write [...], or each item behind a dash", kindOf(n))
		return
	}
	if len(seq.Values) == 0 && tag.Get("min") != "" {
		d.fail(path, "is an empty list, which has no meaning here; name at least one, or remove the key")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	var item reflect.StructTag
	if words := tag.Get("enum"); words != "" {
		item = reflect.StructTag(fmt.Sprintf("enum:%q", words))
	}
	for i, child := range seq.Values {
		d.value(path+"["+strconv.Itoa(i)+"]", child, v.Index(i), item)
	}
}

// pairs decodes a map of texts. Its keys are the operator's own.
func (d *decoder) pairs(path string, n ast.Node, v reflect.Value) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.fail(path, "must be a mapping of names to values, not %s", kindOf(n))
		return
	}
	if len(m.Values) == 0 {
		d.fail(path, "is empty, which has no meaning here; name at least one, or remove the key")
		return
	}
	d.known(path, m, nil)
	v.Set(reflect.MakeMap(v.Type()))
	for _, entry := range m.Values {
		key := entry.Key.GetToken().Value
		at := join(path, step(key))
		s, ok := scalar(entry.Value)
		switch {
		case !ok:
			d.fail(at, "must be a text, a number, true or false, not %s", kindOf(entry.Value))
		case control(key) || control(s):
			d.fail(at, "holds a control character; remove it")
		default:
			v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(s))
		}
	}
}
