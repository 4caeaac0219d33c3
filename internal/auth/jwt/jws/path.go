package jws

import (
	"fmt"
	"strconv"
	"strings"
)

// Path says where in the claims a value stands. It is made by [ParsePath].
type Path struct {
	name  string   // of a claim
	steps []string // into its value
}

// ParsePath reads a path: a JSON Pointer (RFC 6901) when it begins with /, otherwise the name of one claim as it stands. The names that
// Auth0 asks for are URLs full of dots and slashes; so a dot means nothing here.
func ParsePath(s string) (Path, error) {
	if s == "" {
		return Path{}, fmt.Errorf("a claim's path is empty; write its name, or a JSON Pointer such as /realm_access/roles")
	}
	if s[0] != '/' {
		return Path{name: s}, nil
	}
	steps := strings.Split(s[1:], "/")
	for i, step := range steps {
		plain := strings.NewReplacer("~0", "", "~1", "").Replace(step)
		if strings.Contains(plain, "~") {
			return Path{}, fmt.Errorf("JSON Pointer %q has a ~ that is not ~0 or ~1 (RFC 6901, section 3)", s)
		}
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	return Path{steps[0], steps[1:]}, nil
}

// In returns the value at p.
func (p Path) In(c *Claims) (Value, bool) {
	v, ok := c.Lookup(p.name)
	for _, step := range p.steps {
		if !ok {
			break
		}
		v, ok = v.child(step)
	}
	return v, ok
}

// child returns the member or element of v that one step of a JSON Pointer names.
func (v Value) child(step string) (Value, bool) {
	switch {
	case v.IsObject():
		for quoted, value := range v.members() {
			if name, _ := quoted.Text(); name == step {
				return value, true
			}
		}
	case v.IsList():
		i := 0
		for element := range v.Elements() {
			if step == strconv.Itoa(i) {
				return element, true
			}
			i++
		}
	}
	return "", false
}
