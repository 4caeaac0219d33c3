package acl

import (
	"fmt"
	"strconv"
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// part is one key of a condition, put to a principal: the value that fits, or why none does.
type part struct{ key, value, detail string }

// parts puts every key of the condition to pr, those first that [condition.matches] asks first.
func (c *condition) parts(pr *auth.Principal) (all []part) {
	if c.certificate != nil {
		p := part{key: "certificate", value: strconv.FormatBool(*c.certificate)}
		if shown := pr.Certificate != nil; shown != *c.certificate {
			p.value, p.detail = "", fmt.Sprintf("certificate is to be %v, and the user showed %s", *c.certificate, map[bool]string{true: "one", false: "none"}[shown])
		}
		all = append(all, p)
	}
	one := func(key string, wanted texts, held []string) {
		if len(wanted.list) > 0 {
			all = append(all, wanted.part(key, held))
		}
	}
	one("users", c.users, []string{pr.User})
	one("roles", c.roles, pr.Roles)
	one("scopes", c.scopes, pr.Scopes)
	for _, want := range c.claims {
		p := part{key: "claims", value: want.Name + "=" + want.Value}
		if !claimed(pr, want) {
			var held []string
			for _, c := range pr.Claim(want.Name) {
				held = append(held, c.Value)
			}
			p.value, p.detail = "", fmt.Sprintf("claim %q is to be %q, and the user has %s", want.Name, want.Value, quoted(held, "none"))
		}
		all = append(all, p)
	}
	return all
}

func (s texts) part(key string, held []string) part {
	for _, text := range held {
		if s.has(text) {
			return part{key: key, value: text}
		}
	}
	return part{key: key, detail: fmt.Sprintf("%s are to be of %s, and the user has %s", key, quoted(s.list, ""), quoted(held, "none"))}
}

func listing(parts []part) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.key + " " + strconv.Quote(p.value)
	}
	return strings.Join(texts, ", ")
}

// shown is how many entries of a list an explanation shows: a rule may have a thousand users.
const shown = 5

func quoted(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	texts := make([]string, 0, shown)
	for _, text := range list[:min(len(list), shown)] {
		texts = append(texts, strconv.Quote(text))
	}
	out := strings.Join(texts, ", ")
	if more := len(list) - shown; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

// match finds the first pattern of r that matches name. Where there is none, it returns what is the matter with the pattern that gets furthest.
func (g *Ground) match(r *rule, pr *auth.Principal, name channel.Name) (path, detail string) {
	furthest, rulePath := -1, g.Path
	for i, pattern := range r.channels {
		segments, err := parsePattern(pattern)
		if err != nil {
			continue // which no compiled rule has
		}
		at := fmt.Sprintf("%s.channels[%d]", rulePath, i)
		fits, missed := along(segments, pr, name)
		if missed == "" {
			for j := range fits {
				fits[j].Path = at
			}
			g.Path, g.Pattern, g.Fits = at, pattern, fits
			return at, ""
		}
		if n := len(fits); n > furthest {
			furthest, path, detail = n, at, strconv.Quote(pattern)+" does not match: "+missed
		}
	}
	return path, detail
}

// along walks down a pattern and a name together. It returns a Fit for each segment that matched, and with missed == "" only those of templates.
func along(pattern []segment, pr *auth.Principal, name channel.Name) (fits []Fit, missed string) {
	got := strings.Split(name.String(), ":")
	for i, s := range pattern {
		switch {
		case i == len(got):
			return fits, fmt.Sprintf("the channel ends after segment %d", i)
		case s.kind == tail:
			return templates(fits), ""
		}
		f, why := s.fit(pr, got[i])
		if why != "" {
			return fits, fmt.Sprintf("at segment %d, %s", i+1, why)
		}
		fits = append(fits, f)
	}
	if len(got) > len(pattern) {
		return fits, fmt.Sprintf("the channel goes on behind segment %d", len(pattern))
	}
	return templates(fits), ""
}

func templates(fits []Fit) (kept []Fit) {
	for _, f := range fits {
		if f.Part != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// fit puts one segment of a pattern to one of a name.
func (s segment) fit(pr *auth.Principal, got string) (f Fit, why string) {
	f = Fit{Part: "{" + s.text + "}"}
	switch s.kind {
	case star, tail:
		return Fit{}, ""
	case literal:
		if s.text != got {
			return f, fmt.Sprintf("it is %q and not %q", got, s.text)
		}
		return Fit{}, ""
	case ofTenant:
		f.Part, f.Value = "{tenant}", pr.Tenant.String()
	case user:
		f.Part, f.Value = "{user}", pr.User
	case claim:
		f.Part = "{claim." + s.text + "}"
		values := pr.Claim(s.text)
		switch {
		case len(values) == 0:
			return f, fmt.Sprintf("the user has no claim %q for %s", s.text, f.Part)
		case len(values) > 1:
			return f, fmt.Sprintf("claim %q has %d values, and %s stands for one", s.text, len(values), f.Part)
		}
		f.Value = values[0].Value
	}
	mine, ok := channel.Segment(f.Value)
	switch {
	case !ok:
		return f, fmt.Sprintf("%s has %d bytes and cannot be a segment", f.Part, len(f.Value))
	case mine != got:
		return f, fmt.Sprintf("it is %q, and %s is %q", got, f.Part, mine)
	}
	return f, ""
}
