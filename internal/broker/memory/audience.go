package memory

import (
	"slices"

	"portcullis/internal/channel"
)

// audience are the nodes that want a channel, at least one. It is replaced, never changed, so that a publication reads it without a lock. A node has one for
// itself alone, which stands at every channel that nobody else wants.
type audience struct{ nodes []*Broker }

func (a *audience) with(b *Broker) *audience {
	switch {
	case a == nil:
		return b.alone
	case slices.Contains(a.nodes, b):
		return a
	}
	return &audience{append(slices.Clone(a.nodes), b)}
}

// without returns nil when nobody is left.
func (a *audience) without(b *Broker) *audience {
	if a == nil || a == b.alone {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(a.nodes), func(n *Broker) bool { return n == b })
	if len(rest) == 1 {
		return rest[0].alone
	}
	return &audience{rest}
}

func (s *shard) join(ref channel.Ref, b *Broker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted[ref] = s.wanted[ref].with(b)
}

// quit ends a node's interest in a channel.
func (s *shard) quit(ref channel.Ref, b *Broker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rest := s.wanted[ref].without(b); rest != nil {
		s.wanted[ref] = rest
	} else {
		delete(s.wanted, ref)
	}
}

// part ends a node's interest in all channels.
func (s *shard) part(b *Broker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, a := range s.wanted {
		if rest := a.without(b); rest != nil {
			s.wanted[ref] = rest
		} else {
			delete(s.wanted, ref)
		}
	}
}
