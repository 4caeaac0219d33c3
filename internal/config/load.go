package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Load reads the main file at path and the tenants that it names. It returns every problem that can be known from these files alone,
// those of the main file first, then file by file from the top.
//
// The Config is complete only when no problem is an [Error]. Otherwise it is nil, or what could be read: a tenant that has an error is left
// out, so that the packages above can still check the others, and a configuration that failed must not be served.
func Load(path string) (*Config, []Problem) { return new(Config).Again(path) }

// Again is [Load] beside a configuration that was loaded before. The files of tenants that have not changed are read, and not decoded again.
func (c *Config) Again(path string) (*Config, []Problem) {
	data, info, err := read(path)
	if err != nil {
		return nil, []Problem{noMain(path, err)}
	}
	next, problems := parseBeside(c, path, data)
	if next != nil {
		next.which = which{info, real(path)}
	}
	return next, problems
}

// Parse is [Load] for a main file that was read already. Its name stands in problems, and its folder is where its relative paths begin.
func Parse(name string, data []byte) (*Config, []Problem) {
	return parseBeside(new(Config), name, data)
}

func parseBeside(last *Config, name string, data []byte) (*Config, []Problem) {
	root, err := parse(data)
	if err != nil {
		return nil, []Problem{unreadable(name, err)}
	}
	c := &Config{Source: Source{file: name, root: root, begin: beginning(nil, root), text: string(data)}}
	if c.has("id") && !c.has("listen") && !c.has("tenants") && !c.has("tenants_dir") {
		return nil, []Problem{c.Problem("id", "this is the file of a tenant; name the main file, whose tenants_dir is the folder of this one")}
	}
	d := &decoder{Source: c.Source}
	d.mapping("", root, reflect.ValueOf(c).Elem())
	if d.full() {
		return nil, d.problems
	}
	d.problems = append(d.problems, c.check()...)
	var others []Problem
	if len(c.Tenants) > 0 {
		d.problems = append(d.problems, c.inline()...)
		c.Tenants = sound(c.Tenants, d.problems)
	} else if c.TenantsDir != "" {
		c.Tenants, others = c.folder(last)
	}
	others = append(others, c.across()...)
	problems := append(d.problems, others...)
	slices.SortStableFunc(problems, func(a, b Problem) int { return inOrder(name, a, b) })
	return c, problems
}

// inOrder puts the main file first, then file by file, each from its top.
func inOrder(main string, a, b Problem) int {
	rank := func(p Problem) int {
		if p.File == main {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// inline gives the tenants of the main file their sources, and checks them.
func (c *Config) inline() (problems []Problem) {
	for i := range c.Tenants {
		t := &c.Tenants[i]
		path := fmt.Sprintf("tenants[%d]", i)
		n, at, _ := c.find(path)
		t.Source = Source{file: c.file, prefix: path, root: n, begin: at}
		problems = append(problems, t.check()...)
	}
	return problems
}

// folder reads the tenants of tenants_dir in the order of their names, on all cores: reading is cheap, and the parser is not.
func (c *Config) folder(last *Config) (tenants []Tenant, problems []Problem) {
	entries, err := os.ReadDir(string(c.TenantsDir))
	if err != nil {
		return nil, []Problem{c.Problem("tenants_dir", "folder %q cannot be read: %v; name a folder with a file for each tenant", c.TenantsDir, reason(err))}
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		ext := filepath.Ext(e.Name())
		return strings.HasPrefix(e.Name(), ".") || ext != ".yaml" && ext != ".yml"
	})
	if len(entries) == 0 {
		return nil, []Problem{c.Problem("tenants_dir", "%s holds no tenant; put a file like acme.yaml into it", c.TenantsDir)}
	}
	known := make(map[string]*Tenant, len(last.Tenants))
	for i := range last.Tenants {
		known[last.Tenants[i].file] = &last.Tenants[i]
	}
	in := real(string(c.TenantsDir))
	read, faults := make([]Tenant, len(entries)), make([][]Problem, len(entries))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(entries)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(entries); i = int(next.Add(1)) - 1 {
				path, leads := filepath.Join(string(c.TenantsDir), entries[i].Name()), filepath.Join(in, entries[i].Name())
				if entries[i].Type()&os.ModeSymlink != 0 { // asking of each file would be a dozen calls of the system
					leads = real(path)
				}
				read[i], faults[i] = tenantFile(path, leads, known[path])
			}
		})
	}
	all.Wait()
	for i, t := range read {
		problems = append(problems, faults[i]...)
		if !Failed(faults[i]) {
			tenants = append(tenants, t)
		}
	}
	return tenants, problems
}

// tenantFile reads the file of the tenant that is called as it is, unless last was read from the same text. Behind links it is the file at leads.
func tenantFile(path, leads string, last *Tenant) (t Tenant, problems []Problem) {
	data, info, err := read(path)
	if err != nil {
		return t, []Problem{unreadable(path, err)}
	}
	if last != nil && last.clean && last.text == string(data) {
		t = *last
		t.which = which{info, leads}
		return t, nil
	}
	ext := filepath.Ext(path)
	id := strings.TrimSuffix(filepath.Base(path), ext)
	root, err := parse(data)
	if err != nil {
		return t, []Problem{unreadable(path, err)}
	}
	t.Source = Source{file: path, root: root, begin: beginning(nil, root), which: which{info, leads}}
	d := &decoder{Source: t.Source}
	d.mapping("", root, reflect.ValueOf(&t).Elem())
	if d.full() {
		return t, d.problems
	}
	if t.ID != "" && t.ID != id {
		d.fail("id", "%q is not the name of its file; call the file %s%s, or the tenant %q", t.ID, t.ID, ext, id)
	}
	problems = append(d.problems, t.check()...)
	t.root, t.text, t.clean = nil, string(data), len(problems) == 0
	return t, problems
}

// sound returns the tenants of the main file that have no error.
func sound(tenants []Tenant, problems []Problem) []Tenant {
	broken := make(map[string]bool)
	for _, p := range problems {
		if item := strings.Index(p.Path, "]") + 1; p.Severity == Error && item > 0 {
			broken[p.Path[:item]] = true
		}
	}
	return slices.DeleteFunc(tenants, func(t Tenant) bool { return broken[t.prefix] })
}
