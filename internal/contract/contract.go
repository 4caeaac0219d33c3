// Package contract holds what the gateway answers against its document, api/openapi.yaml. It is for tests alone.
package contract

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"portcullis/api"
)

// Document is the contract with its schemas. It is safe for concurrent use.
type Document struct {
	// Set by New, then read-only.
	root     object
	paths    []path
	compiler *jsonschema.Compiler

	// Guarded by mu.
	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema // compiled, by where they stand
}

type object = map[string]any

// path is one of the document's, as its segments.
type path struct {
	template string
	segments []string
}

// file is how schemas name the document.
const file = "openapi.json"

// New reads the document.
func New() (*Document, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.OpenAPI()))
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	d := &Document{root: root.(object), compiler: jsonschema.NewCompiler(), schemas: make(map[string]*jsonschema.Schema)}
	shut(root)
	if err := d.compiler.AddResource(file, root); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	for template := range d.object("/paths") {
		d.paths = append(d.paths, path{template, strings.Split(template, "/")})
	}
	// A path in words comes before one with a variable in the same place.
	slices.SortFunc(d.paths, func(a, b path) int { return strings.Compare(a.template, b.template) })
	return d, nil
}

// shut makes every object that has its members told take no others: for clients more may come, but what the gateway answers now is told.
func shut(v any) {
	switch v := v.(type) {
	case object:
		_, told := v["properties"].(object)
		if _, open := v["additionalProperties"]; told && !open && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, below := range v {
			shut(below)
		}
	case []any:
		for _, below := range v {
			shut(below)
		}
	}
}

// Operations are the document's, as METHOD and path.
func (d *Document) Operations() (all []string) {
	for _, p := range d.paths {
		for method := range d.object("/paths/" + escaped(p.template)) {
			if slices.Contains(methods, method) {
				all = append(all, strings.ToUpper(method)+" "+p.template)
			}
		}
	}
	slices.Sort(all)
	return all
}

var methods = []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}

// operation finds what answers a request: where its path stands, and its operation there, each empty where there is none.
func (d *Document) operation(method, target string) (at, operation string) {
	target, _, _ = strings.Cut(target, "?")
	segments := strings.Split(target, "/")
	for _, p := range d.paths {
		if !p.matches(segments) {
			continue
		}
		at = "/paths/" + escaped(p.template)
		if m := strings.ToLower(method); method == strings.ToUpper(method) && slices.Contains(methods, m) && d.object(at)[m] != nil {
			return at, at + "/" + m
		}
		return at, ""
	}
	return "", ""
}

func (p path) matches(segments []string) bool {
	return slices.EqualFunc(p.segments, segments, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, "{")
	})
}

// object returns the object at a JSON pointer, nil where there is none. A reference leads on to what it names.
func (d *Document) object(pointer string) object {
	o, _ := d.find(pointer)
	return o
}

// find returns the object at a JSON pointer, and where it stands when references were followed.
func (d *Document) find(pointer string) (o object, at string) {
	o = d.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		o, _ = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(object)
		at += "/" + name
		if ref, ok := o["$ref"].(string); ok {
			o, at = d.find(strings.TrimPrefix(ref, "#"))
		}
	}
	return o, at
}

// escaped is a name as a JSON pointer has it (RFC 6901).
func escaped(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// schema compiles what stands at a pointer, once.
func (d *Document) schema(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(file + "#" + pointer)
	if err != nil {
		return nil, fmt.Errorf("the schema at %s: %w", pointer, err)
	}
	d.schemas[pointer] = s
	return s, nil
}
