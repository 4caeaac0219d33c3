package config

import "reflect"

// LoadTenants reads the tenants of a main file, as [Load] does, or the one tenant whose own file it is: that has an id. Such a file may be called otherwise than its
// tenant, as an older copy is.
func LoadTenants(path string) ([]Tenant, []Problem) {
	data, err := readAny(path)
	if err != nil {
		return nil, []Problem{unreadable(path, err)}
	}
	root, err := parse(data)
	if err != nil {
		return nil, []Problem{unreadable(path, err)}
	}
	if id, _ := lookup(root, "id"); id == nil {
		c, problems := Parse(path, data)
		if c == nil {
			return nil, problems
		}
		return c.Tenants, problems
	}
	var t Tenant
	t.Source = Source{file: path, root: root, begin: beginning(nil, root)}
	d := &decoder{Source: t.Source}
	d.mapping("", root, reflect.ValueOf(&t).Elem())
	if d.full() {
		return nil, d.problems
	}
	return []Tenant{t}, append(d.problems, t.check()...)
}

// Alone reports whether the tenant has a file of its own.
func (t *Tenant) Alone() bool { return t.prefix == "" && t.file != "" }
