package acl

import (
	"errors"
	"fmt"
	"strings"

	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// segment is one segment of a rule's pattern.
type segment struct {
	kind kind
	text string // a literal, or the name of a claim
}

type kind int

const (
	literal kind = iota
	star
	tail // "**"
	user
	ofTenant
	claim
)

// parsePattern reads a channel pattern with templates. A template counts as a '*' towards the limits of the grammar.
func parsePattern(pattern string) ([]segment, error) {
	var segments []segment
	var plain []string
	for rest, more := pattern, true; more; {
		var text string
		var err error
		if text, rest, more, err = cut(rest); err != nil {
			return nil, fmt.Errorf("channel pattern %q: %w", pattern, err)
		}
		s := segment{literal, text}
		switch {
		case text == "*":
			s.kind = star
		case text == "**":
			s.kind = tail
		case strings.HasPrefix(text, "{"):
			if s, err = parseTemplate(text); err != nil {
				return nil, fmt.Errorf("channel pattern %q: %w", pattern, err)
			}
			text = "*"
		}
		segments, plain = append(segments, s), append(plain, text)
	}
	if _, err := channel.ParsePattern(strings.Join(plain, ":")); err != nil {
		if strings.Contains(pattern, "{") {
			err = fmt.Errorf("%q, with * for each template: %w", pattern, err)
		}
		return nil, err
	}
	return segments, nil
}

// cut takes the first segment off a pattern. A colon inside braces ends none: a claim's name may be a URL.
func cut(pattern string) (segment, rest string, more bool, err error) {
	if !strings.HasPrefix(pattern, "{") {
		segment, rest, more = strings.Cut(pattern, ":")
		if strings.ContainsAny(segment, "{}") {
			return "", "", false, fmt.Errorf("in %q a brace stands beside other text; a template is a whole segment, as in user:{user}:inbox", segment)
		}
		return segment, rest, more, nil
	}
	end := strings.IndexByte(pattern, '}')
	if end < 0 {
		return "", "", false, fmt.Errorf("%q has no closing brace; write { and } in pairs", pattern)
	}
	segment, rest = pattern[:end+1], pattern[end+1:]
	if rest != "" && rest[0] != ':' {
		return "", "", false, fmt.Errorf("behind %q stands other text; a template is a whole segment, as in user:{user}:inbox", segment)
	}
	return segment, strings.TrimPrefix(rest, ":"), rest != "", nil
}

// parseTemplate reads a segment in braces.
func parseTemplate(text string) (segment, error) {
	name := text[1 : len(text)-1]
	switch claimName, isClaim := strings.CutPrefix(name, "claim."); {
	case name == "user":
		return segment{kind: user}, nil
	case name == "tenant":
		return segment{kind: ofTenant}, nil
	case isClaim && !strings.Contains(name, "{"):
		return segment{claim, claimName}, checkClaimName(claimName)
	}
	return segment{}, fmt.Errorf("template %q is unknown; use {user}, {tenant} or {claim.NAME}", text)
}

// checkClaimName refuses claims that no principal ever has: a rule that asked for one would match nothing, in silence.
func checkClaimName(name string) error {
	switch name {
	case "":
		return errors.New("a claim has no name; write it as it stands in the token")
	case "sub":
		return errors.New(`claim "sub" is not among the claims that rules see; it is the user: write {user} in channels and users in for and unless`)
	case "iss", "aud", "exp", "nbf", "iat", "jti":
		return fmt.Errorf("claim %q is not among the claims that rules see; the verifier has used it up, so use a claim of your own", name)
	}
	return nil
}

// branch returns the node that s leads to from n, and makes it the first time.
func (n *node) branch(s segment, t tenant.ID) *node {
	switch s.kind {
	case star:
		return made(&n.star)
	case user, claim:
		for _, b := range n.templates {
			if b.claim == s.text {
				return b.next
			}
		}
		n.templates = append(n.templates, template{s.text, new(node)})
		return n.templates[len(n.templates)-1].next
	case ofTenant:
		s.text = t.String() // which is a segment as it stands
	}
	if n.literal[s.text] == nil {
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		n.literal[s.text] = new(node)
	}
	return n.literal[s.text]
}

// SplitPattern returns the segments of a rule's pattern, templates in their braces; nil where it is none.
func SplitPattern(pattern string) (segments []string) {
	if _, err := parsePattern(pattern); err != nil {
		return nil
	}
	for rest, more := pattern, true; more; {
		var text string
		text, rest, more, _ = cut(rest)
		segments = append(segments, text)
	}
	return segments
}
