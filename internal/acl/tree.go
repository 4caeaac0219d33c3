package acl

import (
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// node is the place in the tree of patterns that one beginning of a pattern leads to.
type node struct {
	literal   map[string]*node
	star      *node
	templates []template

	end  *ending // of the patterns that end here
	tail *ending // of the patterns that end here in **
}

// template is a branch whose segment depends on the principal.
type template struct {
	claim string // whose value the segment is; empty is the user
	next  *node
}

func (t *template) matches(segment string, pr *auth.Principal) bool {
	if t.claim == "" {
		return segment == pr.Segment
	}
	values := pr.Claim(t.claim)
	return len(values) == 1 && channel.Encodes(segment, values[0].Value)
}

// walk asks every ending below n whose pattern matches what is left of a name. It goes on along the literal branch
// and recurses into the others, at most [channel.MaxSegments] deep.
func (q *question) walk(n *node, rest string) {
	for n != nil {
		if rest == "" {
			if n.end != nil {
				q.ask(n.end)
			}
			return
		}
		if n.tail != nil {
			q.ask(n.tail)
		}
		segment, after := rest, ""
		if i := strings.IndexByte(rest, ':'); i >= 0 {
			segment, after = rest[:i], rest[i+1:]
		}
		if n.star != nil {
			q.walk(n.star, after)
		}
		for i := range n.templates {
			if t := &n.templates[i]; t.matches(segment, q.principal) {
				q.walk(t.next, after)
			}
		}
		n, rest = n.literal[segment], after
	}
}
