// Command schema writes the JSON Schema of the configuration files to standard output, for editors and for machines that write
// configurations. The structs of internal/config are its only source: keys, types, comments and tags.
//
// Run it after every change there:
//
//	go -C tools run ./schema > api/config.schema.json
//	go -C tools run ./schema tenant > api/tenant.schema.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"portcullis/internal/config"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

// run writes the schema of both kinds of file, or that of a tenant's file alone, which needs no guess at which of the two it is.
func run(args []string) error {
	defs, err := definitions()
	if err != nil {
		return err
	}
	var schema *jsonschema.Schema
	switch {
	case len(args) == 0:
		// One address for both kinds of file: a tenant's begins with its id, and the main file has none.
		schema = &jsonschema.Schema{
			Title: "Portcullis configuration",
			If:    &jsonschema.Schema{Required: []string{"id"}},
			Then:  &jsonschema.Schema{Ref: "#/$defs/Tenant"},
			Else:  &jsonschema.Schema{Ref: "#/$defs/Config"},
		}
	case len(args) == 1 && args[0] == "tenant":
		schema = &jsonschema.Schema{Title: "A tenant of Portcullis", Ref: "#/$defs/Tenant"}
		if defs, err = reachable(defs, "Tenant"); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%q: write nothing, or tenant", args)
	}
	schema.Version, schema.Definitions = jsonschema.Version, defs
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(schema)
}

func definitions() (jsonschema.Definitions, error) {
	r := &jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, Mapper: word}
	// Comments are found by folder, seen from tools, where this program runs.
	if err := r.AddGoComments("portcullis/tools", "../internal/config", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("read comments (run this program in the folder tools): %w", err)
	}
	root := reflect.TypeFor[config.Config]()
	defs := r.ReflectFromType(root).Definitions
	if err := tags(defs, root, make(map[reflect.Type]bool)); err != nil {
		return nil, err
	}
	return defs, across(defs)
}

// word describes the types that read themselves.
func word(t reflect.Type) *jsonschema.Schema {
	size := &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "integer", Minimum: "1"}, {Type: "string", Pattern: "^(0|[1-9][0-9]*)([KMG]iB)?$"}}}
	unlimited := &jsonschema.Schema{Const: "unlimited"}
	switch t {
	case reflect.TypeFor[config.File](), reflect.TypeFor[config.Version](), reflect.TypeFor[config.Prefix]():
		return &jsonschema.Schema{Type: "string"}
	case reflect.TypeFor[config.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^(0|([0-9]+(\.[0-9]+)?(h|m|s|ms|us|ns))+)$`, Examples: []any{"30s", "10m", "24h"}}
	case reflect.TypeFor[config.Lifetime]():
		return &jsonschema.Schema{Type: "string", Pattern: `^(unlimited|([0-9]+(\.[0-9]+)?(h|m|s|ms|us|ns))+)$`, Examples: []any{"24h", "unlimited"}}
	case reflect.TypeFor[config.Size]():
		return size
	case reflect.TypeFor[config.Limit]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "integer", Minimum: "1", Maximum: "1000000000"}, unlimited}}
	case reflect.TypeFor[config.Count]():
		return &jsonschema.Schema{Type: "integer", Minimum: "1"}
	case reflect.TypeFor[config.ByteLimit](), reflect.TypeFor[config.Memory]():
		return &jsonschema.Schema{OneOf: append(size.OneOf, unlimited)}
	}
	return nil
}

// tags adds to the definitions what the decoder reads from the tags of t's fields and of all structs below.
func tags(defs jsonschema.Definitions, t reflect.Type, done map[reflect.Type]bool) error {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || done[t] {
		return nil
	}
	done[t] = true
	def, ok := defs[t.Name()]
	if !ok {
		return fmt.Errorf("no definition of %s", t)
	}
	def.Description = oneLine(def.Description)
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		property, ok := def.Properties.Get(key)
		if !ok {
			return fmt.Errorf("no property %s in %s", key, t)
		}
		if f.Tag.Get("required") != "" {
			def.Required = append(def.Required, key)
		}
		describe(property, f)
		if err := tags(defs, f.Type, done); err != nil {
			return err
		}
	}
	return nil
}

func describe(property *jsonschema.Schema, f reflect.StructField) {
	property.Description = oneLine(property.Description)
	isList := f.Type.Kind() == reflect.Slice
	if text, ok := f.Tag.Lookup("default"); ok {
		property.Default = text
		if isList {
			property.Default = strings.Split(strings.Trim(text, "[]"), ", ")
		} else if f.Type.Kind() == reflect.Bool {
			property.Default = text == "true"
		} else if _, err := strconv.Atoi(text); err == nil {
			property.Default = json.Number(text)
		}
	}
	if f.Type.Kind() == reflect.Map {
		property.AdditionalProperties = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
	}
	if words := f.Tag.Get("enum"); words != "" {
		enum := property
		if isList {
			enum = property.Items
		}
		for _, w := range strings.Split(words, ",") {
			enum.Enum = append(enum.Enum, w)
		}
	}
	if most := f.Tag.Get("max"); most != "" && f.Type == reflect.TypeFor[config.Count]() {
		property.Maximum = json.Number(most)
	}
	if isList && f.Tag.Get("min") == "1" {
		one := uint64(1)
		property.MinItems = &one
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
