package acl

import (
	"fmt"
	"slices"
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// Chosen is one channel that a choice names, and what becomes of it for one user.
type Chosen struct {
	Pattern string
	Name    channel.Name // that is chosen for the user; the zero Name where none is
	Path    string       // of the channel, as in "subscribe[2].channels[0]", or of the part of the choice because of which it is not chosen
	Detail  string       // for an operator: why it is not; empty where it is
}

// Explain chooses as [Choices.Of] does, and says why, for every channel in the order of the file. It allocates, and is for people who wait.
func (c *Choices) Explain(pr *auth.Principal) (all []Chosen) {
	if c == nil || pr.Tenant != c.tenant {
		return nil
	}
	first := make(map[channel.Name]string)
	for i := range c.list {
		one := c.list[i].look(pr)
		if earlier, twice := first[one.Name]; twice && one.Detail == "" {
			one.Detail = fmt.Sprintf("is %s, which %s chooses already", one.Name, earlier)
			one.Name = channel.Name{}
		} else if one.Detail == "" {
			first[one.Name] = one.Path
		}
		all = append(all, one)
	}
	return all
}

// look says what becomes of one channel.
func (c *choice) look(pr *auth.Principal) Chosen {
	x := Chosen{Pattern: c.pattern, Path: c.path}
	path, _, _ := strings.Cut(c.path, ".")
	if c.only != nil {
		for _, part := range c.only.parts(pr) {
			if part.value == "" {
				x.Path, x.Detail = path+".for."+part.key, part.detail
				return x
			}
		}
	}
	if c.except != nil && c.except.matches(pr) {
		parts := c.except.parts(pr)
		x.Path, x.Detail = path+".unless."+parts[0].key, "spares the user: "+listing(parts)
		return x
	}
	name, ok := c.name(pr)
	if !ok {
		x.Detail = c.unnamed(pr)
		return x
	}
	x.Name = name
	return x
}

// unnamed says why pr makes no name of the channel.
func (c *choice) unnamed(pr *auth.Principal) string {
	i := slices.IndexFunc(c.segments, func(s segment) bool {
		_, ok := s.filled(pr)
		return !ok
	})
	if i < 0 {
		return "the name becomes too long"
	}
	if _, why := c.segments[i].fit(pr, ""); why != "" {
		return why
	}
	return fmt.Sprintf("at segment %d, the user's value is empty", i+1)
}
