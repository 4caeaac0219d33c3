package contract

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// tree is a document as JSON has it, with the schemas in it. It is safe for concurrent use.
type tree struct {
	// Set by planted, then read-only.
	root     object
	compiler *jsonschema.Compiler

	// Guarded by mu.
	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema // compiled, by where they stand
}

type object = map[string]any

// file is how schemas name the document.
const file = "document.json"

func read(text []byte) (object, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	return root.(object), nil
}

// planted makes a tree of a document that changes no more.
func planted(root object) (*tree, error) {
	t := &tree{root: root, compiler: jsonschema.NewCompiler(), schemas: make(map[string]*jsonschema.Schema)}
	if err := t.compiler.AddResource(file, root); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	return t, nil
}

// object returns the object at a JSON pointer, nil where there is none. A reference leads on to what it names.
func (t *tree) object(pointer string) object {
	o, _ := t.find(pointer)
	return o
}

// find returns the object at a JSON pointer, and where it stands when references were followet.
func (t *tree) find(pointer string) (o object, at string) {
	o = t.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		o, _ = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(object)
		at += "/" + name
		if ref, ok := o["$ref"].(string); ok {
			o, at = t.find(strings.TrimPrefix(ref, "#"))
		}
	}
	return o, at
}

// escaped is a name as a JSON pointer has it (RFC 6901).
func escaped(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// schema compiles what stands at a pointer, once.
func (t *tree) schema(pointer string) (*jsonschema.Schema, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.schemas[pointer]; s != nil {
		return s, nil
	}
	s, err := t.compiler.Compile(file + "#" + pointer)
	if err != nil {
		return nil, fmt.Errorf("the schema at %s: %w", pointer, err)
	}
	t.schemas[pointer] = s
	return s, nil
}

// Fits validates a value against the schema at a JSON pointer.
func (t *tree) Fits(pointer string, v any) error {
	s, err := t.schema(pointer)
	if err != nil {
		return err
	}
	return s.Validate(v)
}
