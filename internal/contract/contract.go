// Package contract holds what the gateway says against its documents: what it answers over HTTP against api/openapi.yaml, and its frames against
// api/asyncapi.yaml. It is for tests alone.
package contract

import (
	"slices"
	"strings"

	"portcullis/api"
)

// Document is api/openapi.yaml with its schemas. It is safe for concurrent use.
type Document struct {
	*tree
	paths []path
}

// path is one of the document's, as its segments.
type path struct {
	template string
	segments []string
}

// New reads the document.
func New() (*Document, error) {
	root, err := read(api.OpenAPI())
	if err != nil {
		return nil, err
	}
	shut(root)
	d := &Document{}
	if d.tree, err = planted(root); err != nil {
		return nil, err
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
