package config

import (
	"fmt"
	"reflect"
)

// Same reports whether a tenant is configured in the same way, wherever it stands and however it is written.
func (t *Tenant) Same(other *Tenant) bool {
	if t.text != "" && t.text == other.text && t.file == other.file {
		return true
	}
	a, b := *t, *other
	a.Source, b.Source = Source{}, Source{}
	return reflect.DeepEqual(a, b)
}

// Fixed returns a problem for each key that has another value in next than in c, and that is read at the start alone. Its place is in next. Every key is one of them
// unless its field says live, so that a new one is not forgotten.
func (c *Config) Fixed(next *Config) (problems []Problem) {
	differ("", reflect.ValueOf(c).Elem(), reflect.ValueOf(next).Elem(), func(path string, was, is reflect.Value) {
		problems = append(problems, next.Problem(path, "changed from %s to %s, and is read at the start alone: restart the gateway to change it, or put it back",
			shown(was), shown(is)))
	})
	return problems
}

// differ calls found with every value that is another one, as deep as structs go.
func differ(path string, a, b reflect.Value, found func(path string, a, b reflect.Value)) {
	switch {
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		differ(path, a.Elem(), b.Elem(), found)
	case a.Kind() == reflect.Struct:
		for i := range a.NumField() {
			field := a.Type().Field(i)
			if key := field.Tag.Get("yaml"); key != "-" && field.Tag.Get("live") == "" {
				differ(join(path, key), a.Field(i), b.Field(i), found)
			}
		}
	case !reflect.DeepEqual(a.Interface(), b.Interface()):
		found(path, a, b)
	}
}

// shown writes a value for a message. No key holds a secret: they name files.
func shown(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil(), v.Kind() == reflect.Slice && v.Len() == 0, v.Kind() == reflect.String && v.Len() == 0:
		return "nothing"
	case v.Kind() == reflect.Pointer:
		return fmt.Sprintf("%+v", v.Elem())
	}
	return fmt.Sprint(v)
}
