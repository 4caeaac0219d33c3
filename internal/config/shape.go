package config

import (
	"reflect"
	"sync"
)

// shape is what the decoder needs to know of a struct. Its reflection costs more than the values of a tenant, of which there are thousands.
type shape struct {
	keys   []string // in the order of the manual
	fields []shapeField
}

type shapeField struct {
	index    int
	key      string
	tag      reflect.StructTag
	required bool
	preset   reflect.Value // its default; invalid without one
}

var shapes sync.Map // *shape by reflect.Type

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	s := new(shape)
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		f := shapeField{index: i, key: key, tag: field.Tag, required: field.Tag.Get("required") != ""}
		if _, ok := field.Tag.Lookup("default"); ok {
			f.preset = reflect.New(field.Type).Elem()
			preset(f.preset, field.Tag)
		}
		s.keys, s.fields = append(s.keys, key), append(s.fields, f)
	}
	known, _ := shapes.LoadOrStore(t, s)
	return known.(*shape)
}
