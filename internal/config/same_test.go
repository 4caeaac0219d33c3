package config_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/config"
)

// place is a value of a configuration that a file can change, and the path of its key.
type place struct {
	path   string
	value  reflect.Value
	change func(reflect.Value)
}

// full gives everything below v a value: no pointer is nil, every list and map has an item.
func full(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		full(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		full(v.Index(0))
	case reflect.Map:
		item := reflect.New(v.Type().Elem()).Elem()
		full(item)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), item)
	case reflect.Struct:
		for _, f := range fields(v.Type()) {
			full(v.FieldByIndex(f.Index))
		}
	default:
		other(v)
	}
}

// other gives a single value another one.
func other(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	default:
		v.SetInt(v.Int() + 1)
	}
}

// places lists every way in which a file can change what is below v: each single value, and each list, map or part that goes.
func places(path string, v reflect.Value) (all []place) {
	gone := place{path, v, func(v reflect.Value) { v.SetZero() }}
	switch v.Kind() {
	case reflect.Pointer:
		return append(places(path, v.Elem()), gone)
	case reflect.Slice:
		return append(places(path, v.Index(0)), gone, place{path, v, func(v reflect.Value) {
			v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		}})
	case reflect.Map:
		return []place{gone, {path, v, func(v reflect.Value) { v.SetMapIndex(reflect.ValueOf("more"), v.MapIndex(reflect.ValueOf("key"))) }}}
	case reflect.Struct:
		for _, f := range fields(v.Type()) {
			key := f.Tag.Get("yaml")
			if path != "" {
				key = path + "." + key
			}
			all = append(all, places(key, v.FieldByIndex(f.Index))...)
		}
		return all
	}
	return []place{{path, v, other}}
}

// changes calls f with a configuration and the same one after each change that a file can make.
func changes[T any](f func(path string, was, is *T)) (n int) {
	made := func() *T {
		v := new(T)
		full(reflect.ValueOf(v).Elem())
		return v
	}
	n = len(places("", reflect.ValueOf(made()).Elem()))
	for i := range n {
		was, is := made(), made()
		p := places("", reflect.ValueOf(is).Elem())[i]
		p.change(p.value)
		f(p.path, was, is)
	}
	return n
}

// A gateway never passes over a change: of every key of the main file, another value is followed or refused by its name. A new key is one of the two by itself.
func TestEveryChangeOfTheMainFileIsFollowedOrRefused(t *testing.T) {
	followed := []string{"tenants", "tenants_dir"}
	refused := make(map[string]bool)
	n := changes(func(path string, was, is *config.Config) {
		problems := was.Fixed(is)
		section, _, _ := strings.Cut(path, ".")
		if slices.Contains(followed, section) {
			if len(problems) > 0 {
				t.Errorf("a change of %s, which is followed: got %v", path, problems)
			}
			return
		}
		if len(problems) != 1 || problems[0].Path != path || problems[0].Severity != config.Error {
			t.Errorf("a change of %s: got %v, want one error that names it", path, problems)
		}
		refused[path] = true
	})
	if len(refused) < 20 {
		t.Errorf("of %d changes only those of %d keys were refused: the walk misses some", n, len(refused))
	}
	if got := new(config.Config).Fixed(new(config.Config)); len(got) > 0 {
		t.Errorf("no change: got %v", got)
	}
}

// A reload takes what is the same as it was. So of every key of a tenant's file, another value makes another tenant.
func TestEveryChangeOfATenantsFileIsNoticed(t *testing.T) {
	n := changes(func(path string, was, is *config.Tenant) {
		if was.Same(is) {
			t.Errorf("a change of %s is passed over", path)
		}
	})
	if n < 60 {
		t.Errorf("got %d changes: the walk misses some", n)
	}
	var a, b config.Tenant
	full(reflect.ValueOf(&a).Elem())
	full(reflect.ValueOf(&b).Elem())
	if !a.Same(&b) {
		t.Error("two tenants that are written alike are not the same")
	}
}

// Also where it is read from a file: only the text counts, and only of the same file.
func TestATenantIsReadAgainWhereItsFileChanged(t *testing.T) {
	const text = "id: %s\nissuers: [{issuer: \"https://id.%[1]s.example\", audience: a, jwks_file: k}]\nrules: [{name: all, allow: [echo], channels: [\"%[2]s\"]}]\n"
	dir := folder(t, map[string]string{
		"portcullis.yaml": "listen: {plaintext: true}\ntenants_dir: t\n", "t/acme.yaml": fmt.Sprintf(text, "acme", "a:*"), "t/globex.yaml": fmt.Sprintf(text, "globex", "a:*"),
	})
	load := func(c *config.Config) *config.Config {
		t.Helper()
		c, problems := c.Again(dir + "/portcullis.yaml")
		wantProblems(t, problems)
		return c
	}
	first := load(new(config.Config))
	same := load(first)
	if !same.Tenants[0].Same(&first.Tenants[0]) || !same.Tenants[1].Same(&first.Tenants[1]) {
		t.Error("nothing was written, and a tenant is another one")
	}
	if err := os.WriteFile(dir+"/t/acme.yaml", []byte(fmt.Sprintf(text, "acme", "b:*")), 0o600); err != nil { // as long as it was, in the same moment
		t.Fatal(err)
	}
	changed := load(same)
	if changed.Tenants[0].Same(&same.Tenants[0]) || changed.Tenants[0].Rules[0].Channels[0] != "b:*" {
		t.Errorf("got %v, want what is in the file now", changed.Tenants[0].Rules)
	}
	if !changed.Tenants[1].Same(&same.Tenants[1]) {
		t.Error("globex was not written, and is another one")
	}
}
