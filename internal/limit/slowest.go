package limit

import "container/heap"

// slowest are a tenant's clients for which something waits: a heap, with the one first for which most does.
type slowest []reader

// reader is one of them.
type reader struct {
	place   *Place
	waiting int64 // when it was looked at last
	shed    func()
}

// slowest looks at all of the tenant's clients. It returns a list that is not nil.
func (t *Tenant) slowest() slowest {
	all := make(slowest, 0, 8)
	t.mu.Lock()
	for _, p := range t.places {
		if n := p.waiting.Load(); n > 0 && p.evict != nil {
			all = append(all, reader{p, n, p.shed})
		}
	}
	t.mu.Unlock()
	heap.Init(&all)
	return all
}

// yield makes the slowest give up something: what waits and may be dropped, once, and when that is nothing, its connection. It reports false when nothing waits for anybody.
func (s *slowest) yield(over Quota) bool {
	for len(*s) > 0 {
		r := &(*s)[0]
		waits := r.place.waiting.Load()
		switch {
		case waits == 0:
			heap.Pop(s)
		case waits < r.waiting: // it has read meanwhile
			r.waiting = waits
			heap.Fix(s, 0)
		case r.shed != nil:
			shed := r.shed
			r.shed = nil
			if shed(); r.place.waiting.Load() < waits {
				return true
			}
		default:
			p := r.place
			heap.Pop(s)
			if evict := p.lost(); evict != nil {
				p.tenant.counts.refuse(Over{Quota: over})
				evict(over)
				return true
			}
		}
	}
	return false
}

// lost returns what ends the connection, to one of those who want it to: room is made for the tenant and for the node at once.
func (p *Place) lost() (evict func(over Quota)) {
	p.tenant.mu.Lock()
	defer p.tenant.mu.Unlock()
	evict, p.evict = p.evict, nil
	return evict
}

// Len, Less, Swap, Push and Pop implement [heap.Interface].
func (s slowest) Len() int           { return len(s) }
func (s slowest) Less(i, j int) bool { return s[i].waiting > s[j].waiting }
func (s slowest) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *slowest) Push(r any)        { *s = append(*s, r.(reader)) }
func (s *slowest) Pop() any {
	last := len(*s) - 1
	r := (*s)[last]
	(*s)[last] = reader{}
	*s = (*s)[:last]
	return r
}
