package hub

import (
	"iter"
	"slices"

	"portcullis/internal/channel"
)

// few is how many subscriptions are found faster and kept smaller in a list than in a map.
const few = 16

// subscriptions are one member's, by name. Most connections have few of them, and there are very many connections.
type subscriptions struct {
	list  []*Subscription
	index map[channel.Name]*Subscription // in place of list when there are more than few
}

func (s *subscriptions) len() int { return len(s.list) + len(s.index) }

func (s *subscriptions) find(name channel.Name) *Subscription {
	if s.index != nil {
		return s.index[name]
	}
	for _, sub := range s.list {
		if sub.room.ref.Name == name {
			return sub
		}
	}
	return nil
}

func (s *subscriptions) add(sub *Subscription) {
	if s.index == nil && len(s.list) == few {
		s.index = make(map[channel.Name]*Subscription, 2*few)
		for _, old := range s.list {
			s.index[old.room.ref.Name] = old
		}
		s.list = nil
	}
	if s.index != nil {
		s.index[sub.room.ref.Name] = sub
		return
	}
	s.list = append(s.list, sub)
}

func (s *subscriptions) remove(name channel.Name) *Subscription {
	sub := s.find(name)
	if sub == nil {
		return nil
	}
	delete(s.index, name)
	if i := slices.Index(s.list, sub); i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
	}
	return sub
}

func (s *subscriptions) all() iter.Seq[*Subscription] {
	return func(yield func(*Subscription) bool) {
		for _, sub := range s.list {
			if !yield(sub) {
				return
			}
		}
		for _, sub := range s.index {
			if !yield(sub) {
				return
			}
		}
	}
}
