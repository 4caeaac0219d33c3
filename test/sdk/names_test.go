package sdk_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// difference is a name that the two clients do not share. The Go name is empty for what TypeScript has alone, and the TypeScript name for what Go has alone. Behind a type an asterisk
// stands for its members too.
type difference struct{ golang, typescript, reason string }

// Who knows one client knows the other: every exported name of Go is there in TypeScript, in its own case, and the other way round, unless a difference has its reason here.
func TestNamesAreThoseOfTheGoClient(t *testing.T) {
	for _, tt := range []struct {
		golang, typescript string
		differences        []difference
	}{
		{"client", "src", clientDifferences},
		{"client/e2ee", "src/e2ee", encryptionDifferences},
	} {
		t.Run(tt.golang, func(t *testing.T) {
			ours, theirs := goNames(t, filepath.Join(root, tt.golang)), typescriptNames(t, filepath.Join(sources, tt.typescript))
			if len(ours) < 40 || len(theirs) < 30 {
				t.Fatalf("got %d names of Go and %d of TypeScript, want all of them", len(ours), len(theirs))
			}
			for _, d := range tt.differences {
				if d.reason == "" || !take(ours, d.golang) || !take(theirs, d.typescript) {
					t.Errorf("there is no %q of Go, or no %q of TypeScript, or no reason: take this difference out", d.golang, d.typescript)
				}
			}
			for name := range ours {
				if !theirs[name] {
					t.Errorf("TypeScript has no %s, and Go has: add it, or say why not", name)
				}
			}
			for name := range theirs {
				if !ours[name] {
					t.Errorf("Go has no %s, and TypeScript has: add it, or say why not", name)
				}
			}
		})
	}
}

// take takes a name, or all members of a type, out of a set, and says whether it was there.
func take(names map[string]bool, name string) bool {
	before := len(names)
	of, all := strings.CutSuffix(name, "*")
	maps.DeleteFunc(names, func(one string, _ bool) bool {
		return one == of || all && strings.HasPrefix(one, strings.TrimSuffix(of, ".")+".")
	})
	return name == "" || len(names) < before
}

// goNames are the exported names of a package as TypeScript would write them: Type, Type.member, function and the values of constants.
func goNames(t *testing.T, folder string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				addFunction(names, d)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					addSpec(names, s)
				}
			}
		}
	}
	return names
}

func addFunction(names map[string]bool, d *ast.FuncDecl) {
	if !d.Name.IsExported() || d.Name.Name == "Error" || d.Name.Name == "Unwrap" { // an Error of JavaScript has message and cause
		return
	}
	if d.Recv == nil {
		names[camel(d.Name.Name)] = true
		return
	}
	of := d.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if of := of.(*ast.Ident); of.IsExported() {
		names[of.Name+"."+camel(d.Name.Name)] = true
	}
}

func addSpec(names map[string]bool, s ast.Spec) {
	switch s := s.(type) {
	case *ast.ValueSpec:
		for i, name := range s.Names {
			if !name.IsExported() {
				continue
			}
			if value, ok := s.Values[i].(*ast.BasicLit); ok && value.Kind == token.STRING {
				names[value.Value] = true
			} else {
				names[name.Name] = true
			}
		}
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		names[s.Name.Name] = true
		fields, ok := s.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, f := range fields.Fields.List {
			if embedded, ok := f.Type.(*ast.Ident); ok && len(f.Names) == 0 && embedded.IsExported() {
				names[s.Name.Name+"."+camel(embedded.Name)] = true
			}
			for _, name := range f.Names {
				if name.IsExported() {
					names[s.Name.Name+"."+cmp.Or(tagged(f.Tag), camel(name.Name))] = true
				}
			}
		}
	}
}

// tagged is the name in JSON, where a field has one.
func tagged(tag *ast.BasicLit) string {
	if tag == nil {
		return ""
	}
	text, err := strconv.Unquote(tag.Value)
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
	return name
}

// camel writes a name of Go as TypeScript does: onGap, url, httpClient.
func camel(name string) string {
	letters := []rune(name)
	for i, r := range letters {
		if i > 0 && (unicode.IsLower(r) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			break
		}
		letters[i] = unicode.ToLower(r)
	}
	return string(letters)
}
