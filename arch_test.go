package portcullis_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "portcullis/"

// rule is what one package may import. A package without a rule is a failure, and so is a rule without a package, and a permission that nobody uses.
type rule struct {
	path  string
	floor int // an import points to a lower floor, never up or sideways
	// family are the packages of its own floor that it may import: its parent, its subpackages, its parent's others.
	family []string
	// libraries may be imported here, and by no other package that does not name them too. One stands for its packages below.
	libraries []string
	tests     bool // for tests alone: no other package imports it, and it may import testing
	public    bool // for users of the module: it imports nothing of internal
}

// house is the architecture, from the top to the ground.
var house = []rule{
	{path: "cmd/portcullis", floor: 11, libraries: []string{"github.com/spf13/cobra", "golang.org/x/sync/errgroup"}},
	{path: "examples/device", floor: 10},
	{path: "examples/notifications/backend", floor: 10},
	{path: "internal/dev", floor: 10, family: []string{"internal/dev/house", "internal/dev/playground", "internal/dev/story"}},
	{path: "internal/dev/house", floor: 10},
	{path: "internal/dev/playground", floor: 10},
	{path: "internal/dev/story", floor: 10},
	{path: "client", floor: 9, libraries: []string{"github.com/coder/websocket"}, public: true},
	{path: "client/e2ee", floor: 9, public: true},
	{path: "internal/node", floor: 9, libraries: []string{"golang.org/x/sync/errgroup"}},
	{path: "internal/audit", floor: 8},
	{path: "internal/webhook", floor: 8, family: []string{"internal/webhook/courier"}},
	{path: "internal/webhook/courier", floor: 8},
	{path: "internal/metrics", floor: 8, family: []string{"internal/audit", "internal/metrics/tenants", "internal/webhook", "internal/webhook/courier"}, libraries: []string{"github.com/prometheus/client_golang"}},
	{path: "internal/metrics/tenants", floor: 8, libraries: []string{"github.com/prometheus/client_golang"}},
	{path: "internal/admin", floor: 8, libraries: []string{"github.com/go-chi/chi/v5"}},
	{path: "internal/gateway", floor: 7, family: []string{"internal/gateway/door"}, libraries: []string{"github.com/go-chi/chi/v5"}},
	{path: "internal/gateway/api", floor: 7, family: []string{"internal/gateway", "internal/gateway/door"}, libraries: []string{"github.com/go-chi/chi/v5"}},
	{path: "internal/gateway/api/channels", floor: 7, family: []string{"internal/gateway/api", "internal/gateway/door"}, libraries: []string{"github.com/go-chi/chi/v5"}},
	{path: "internal/gateway/api/documents", floor: 7, libraries: []string{"github.com/go-chi/chi/v5"}},
	{path: "internal/gateway/door", floor: 7},
	{path: "internal/gateway/preview", floor: 7},
	{path: "internal/gateway/rehearsal", floor: 7, family: []string{"internal/gateway", "internal/gateway/api"}},
	{path: "internal/doctor", floor: 6},
	{path: "internal/session", floor: 6},
	{path: "internal/hub", floor: 5},
	{path: "internal/socket", floor: 5, libraries: []string{"github.com/coder/websocket", "golang.org/x/sys/unix"}},
	{path: "internal/realm", floor: 4},
	{path: "internal/presence", floor: 4},
	{path: "internal/problem", floor: 4},
	{path: "internal/broker/memory", floor: 4},
	{path: "internal/broker/brokertest", floor: 4, tests: true},
	{path: "internal/wire/json", floor: 4},
	{path: "internal/wire/mirror", floor: 4},
	{path: "internal/auth/authtest", floor: 4, tests: true},
	{path: "internal/acl", floor: 3},
	{path: "internal/acl/witness", floor: 3, family: []string{"internal/acl"}},
	{path: "internal/broker", floor: 3},
	{path: "internal/broker/memory/journal", floor: 3},
	{path: "internal/broker/ring", floor: 3, family: []string{"internal/broker"}},
	{path: "internal/wire", floor: 3},
	{path: "internal/auth/jwt", floor: 3, family: []string{"internal/auth/jwt/jws", "internal/auth/jwt/jwks"},
		libraries: []string{"github.com/golang-jwt/jwt/v5"}},
	{path: "internal/auth/jwt/dpop", floor: 3, family: []string{"internal/auth/jwt", "internal/auth/jwt/jws", "internal/auth/jwt/jwks"}},
	{path: "internal/auth/jwt/jws", floor: 3},
	{path: "internal/auth/jwt/jwks", floor: 3, libraries: []string{"github.com/go-jose/go-jose/v4"}},
	{path: "internal/auth/jwt/mint", floor: 3, family: []string{"internal/auth/jwt/jwks"}, libraries: []string{"github.com/golang-jwt/jwt/v5"}},
	{path: "internal/auth/mtls", floor: 3, family: []string{"internal/auth/mtls/crl"}},
	{path: "internal/auth/mtls/crl", floor: 3},
	{path: "internal/auth/proxy", floor: 3},
	{path: "internal/auth/revocation", floor: 3},
	{path: "internal/auth/ticket", floor: 3},
	{path: "internal/auth", floor: 2},
	{path: "internal/envelope", floor: 2},
	{path: "internal/message", floor: 2},
	{path: "internal/limit", floor: 2, libraries: []string{"golang.org/x/time/rate"}},
	{path: "internal/channel", floor: 1},
	{path: "internal/listen", floor: 1, libraries: []string{"github.com/pires/go-proxyproto"}},
	{path: "internal/listen/authority", floor: 1},
	{path: "internal/contract", floor: 1, libraries: []string{"github.com/santhosh-tekuri/jsonschema/v6"}, tests: true},
	{path: "internal/tenant", floor: 0},
	{path: "api", floor: 0, libraries: []string{"github.com/goccy/go-yaml"}},
	{path: "internal/config/watch", floor: 0, libraries: []string{"github.com/fsnotify/fsnotify"}},
	{path: "internal/config", floor: 0, family: []string{"internal/config/regular"}, libraries: []string{"github.com/goccy/go-yaml"}},
	{path: "internal/config/regular", floor: 0},
	{path: "internal/testnet", floor: 0, tests: true},
}

// banned are names for packages whose contents have nothing in common.
var banned = []string{"base", "common", "core", "helper", "helpers", "impl", "manager", "misc", "shared", "types", "util", "utils"}

// longest is how many lines a file may have before a wall is missing in it.
const longest = 400

// pkg is one package as it lies on the disk, its tests apart.
type pkg struct {
	path  string // seen from the module
	files map[string]*ast.File
	lines map[string]int
}

func ruleOf(path string) *rule {
	if i := slices.IndexFunc(house, func(r rule) bool { return r.path == path }); i >= 0 {
		return &house[i]
	}
	return nil
}

func TestEveryPackageHasItsRule(t *testing.T) {
	there := make(map[string]bool)
	for _, p := range packages(t) {
		there[p.path] = true
		if ruleOf(p.path) == nil {
			t.Errorf("package %s has no rule: give it a floor in house, and see that it is a word of the trade", p.path)
		}
	}
	for i, r := range house {
		if !there[r.path] {
			t.Errorf("the rule of %s has no package: take it away", r.path)
		}
		if i > 0 && r.floor > house[i-1].floor {
			t.Errorf("the rule of %s stands below floor %d: order the table from the top to the ground", r.path, house[i-1].floor)
		}
	}
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		from := ruleOf(p.path)
		if from == nil {
			continue // told by TestEveryPackageHasItsRule
		}
		for imported, file := range p.imports(t) {
			name, ours := strings.CutPrefix(imported, module)
			to := ruleOf(name)
			switch {
			case !ours, to == nil:
			case from.public:
				t.Errorf("%s imports %s: %s is for users of the module and imports nothing of it", file, name, from.path)
			case to.tests:
				t.Errorf("%s imports %s, which is for tests alone", file, name)
			case to.floor >= from.floor && !slices.Contains(from.family, name):
				t.Errorf("%s (floor %d) imports %s (floor %d): imports point down", file, from.floor, name, to.floor)
			}
		}
	}
}

func TestLibrariesStayWhereTheyLive(t *testing.T) {
	for _, p := range packages(t) {
		from := ruleOf(p.path)
		if from == nil {
			continue
		}
		for imported, file := range p.imports(t) {
			first, _, _ := strings.Cut(imported, "/")
			if library := strings.Contains(first, "."); !library {
				continue
			}
			if !slices.ContainsFunc(from.libraries, func(l string) bool { return under(imported, l) }) {
				t.Errorf("%s imports %s, which does not live in %s", file, imported, from.path)
			}
		}
	}
}

func TestNoPermissionIsUnused(t *testing.T) {
	for _, p := range packages(t) {
		from := ruleOf(p.path)
		if from == nil {
			continue
		}
		used := p.imports(t)
		for _, may := range slices.Concat(from.libraries, prefixed(from.family)) {
			var is bool
			for imported := range used {
				is = is || imported == may || under(imported, may) && !strings.HasPrefix(may, module)
			}
			if !is {
				t.Errorf("%s may import %s and does not: take it out of its rule", from.path, may)
			}
		}
	}
}

func TestOnlyTestsImportTesting(t *testing.T) {
	for _, p := range packages(t) {
		if r := ruleOf(p.path); r == nil || r.tests {
			continue
		}
		for imported, file := range p.imports(t) {
			if under(imported, "testing") || under(imported, "net/http/httptest") {
				t.Errorf("%s imports %s: it would be part of the program", file, imported)
			}
		}
	}
}

func TestEveryPackageSaysOnceWhatItDoes(t *testing.T) {
	for _, p := range packages(t) {
		var comments []string
		for file, syntax := range p.files {
			if syntax.Doc == nil {
				continue
			}
			comments = append(comments, file)
			begin := "Package " + syntax.Name.Name + " "
			if syntax.Name.Name == "main" {
				begin = "Command " + path.Base(p.path) + " "
			}
			if !strings.HasPrefix(syntax.Doc.Text(), begin) {
				t.Errorf("%s: the package comment does not begin with %q", file, begin)
			}
		}
		if len(comments) != 1 {
			t.Errorf("%s has %d package comments %v, want 1", p.path, len(comments), comments)
		}
	}
}

func TestNamesAndSizes(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(banned, path.Base(p.path)) {
			t.Errorf("%s is no word of the trade", p.path)
		}
		for file, n := range p.lines {
			if n > longest {
				t.Errorf("%s has %d lines, the limit is %d: which wall is missing?", file, n, longest)
			}
		}
	}
}

// The library's Conn.Write splits what is longer than its small writer, and its Writer holds a lock while it waits for the client. Frames of ours pass
// both by. The test reads names, not types, so it also holds the library's connection to one name.
func TestTheServerNeverWritesThroughTheLibrary(t *testing.T) {
	const library, conn = "websocket", "ws"
	for _, p := range packages(t) {
		if p.path != "internal/socket" {
			continue
		}
		for file, syntax := range p.files {
			ast.Inspect(syntax, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Field: // also a parameter
					if star, ok := n.Type.(*ast.StarExpr); ok && is(star.X, library, "Conn") && !named(n.Names, conn) {
						t.Errorf("%s: a *%s.Conn is not called %s", file, library, conn)
					}
				case *ast.AssignStmt:
					if call, ok := n.Rhs[0].(*ast.CallExpr); ok && is(call.Fun, library, "Accept") && last(n.Lhs[0]) != conn {
						t.Errorf("%s: what %s.Accept returns is not called %s", file, library, conn)
					}
				case *ast.SelectorExpr:
					if name := n.Sel.Name; last(n.X) == conn && (name == "Write" || name == "Writer") || is(n, library, "NetConn") {
						t.Errorf("%s uses %s.%s: it may wait for the client, and cut frames; use pipe.send", file, last(n.X), name)
					}
				}
				return true
			})
		}
	}
}

// A tenant's Decide asks its policy, and its candidate beside it. A decision made past it would be missing where disagreements are counted.
func TestEveryDecisionIsMadeByTheTenant(t *testing.T) {
	asked := 0
	for _, p := range packages(t) {
		for file, syntax := range p.files {
			ast.Inspect(syntax, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				switch {
				case !ok || s.Sel.Name != "Decide" && s.Sel.Name != "DecideManage" || last(s.X) != "Policy":
				case p.path == "internal/realm":
					asked++
				default:
					t.Errorf("%s asks a Policy: ask the tenant, whose %s asks its candidate too", file, s.Sel.Name)
				}
				return true
			})
		}
	}
	if asked == 0 {
		t.Error("nobody asks a Policy: the names that this test reads are other ones")
	}
}

// is reports whether e is x.name.
func is(e ast.Expr, x, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && s.Sel.Name == name && last(s.X) == x
}

// last returns the last name of a.b.c.
func last(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func named(names []*ast.Ident, want string) bool {
	return len(names) == 1 && names[0].Name == want
}

// under reports whether an import path is a library's or lies below it.
func under(imported, library string) bool {
	return imported == library || strings.HasPrefix(imported, library+"/")
}

func prefixed(family []string) []string {
	all := make([]string, len(family))
	for i, name := range family {
		all[i] = module + name
	}
	return all
}

// imports returns every import of the package, with one file that has it.
func (p *pkg) imports(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for file, syntax := range p.files {
		for _, s := range syntax.Imports {
			imported, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			all[imported] = file
		}
	}
	return all
}

// packages reads every file of the module that is no test, whatever it is built for. Folders that are modules of their own are another house.
func packages(t *testing.T) []*pkg {
	t.Helper()
	found := make(map[string]*pkg)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return folder(file, d.Name())
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		at := filepath.ToSlash(filepath.Dir(file))
		if found[at] == nil {
			found[at] = &pkg{path: at, files: make(map[string]*ast.File), lines: make(map[string]int)}
		}
		found[at].files[file] = syntax
		found[at].lines[file] = bytes.Count(text, []byte("\n"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("there are no packages: the test does not run in the root of the module")
	}
	all := make([]*pkg, 0, len(found))
	for _, p := range found {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	return all
}

// folder decides whether a folder belongs to the house.
func folder(path, name string) error {
	if path == "." {
		return nil
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	if err == nil || name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") {
		return fs.SkipDir
	}
	return nil
}
