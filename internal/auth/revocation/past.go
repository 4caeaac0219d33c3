package revocation

import "time"

// past is what a ledger remembers of the engine's memory, whose changes are told in their order but perhaps late: later than what was announced.
type past struct {
	told   map[string]time.Time // by id, when the revocation that stands there was made
	lifted map[string]lifted
}

type lifted struct{ made, heard time.Time }

// late is longer than any change of a memory that works is told after it was announced.
const late = time.Minute

func newPast() past { return past{make(map[string]time.Time), make(map[string]lifted)} }

// tell is told that r stands in the memory, and reports whether that counts: it does not where r was lifted in the meantime.
func (p *past) tell(r *Revocation) bool {
	id := r.ID()
	p.told[id] = r.Made
	l, ok := p.lifted[id]
	return !ok || !l.made.Equal(r.Made)
}

// wasTold reports whether r is what stood there last: then it is r that was taken away, and none that was made since.
func (p *past) wasTold(r *Revocation) bool {
	made, ok := p.told[r.ID()]
	return ok && made.Equal(r.Made)
}

func (p *past) untell(id string) { delete(p.told, id) }

func (p *past) lift(r *Revocation, now time.Time) { p.lifted[r.ID()] = lifted{r.Made, now} }

// expire forgets what nobody will be told of any more.
func (p *past) expire(now time.Time) {
	for id, l := range p.lifted {
		if now.Sub(l.heard) > late {
			delete(p.lifted, id)
		}
	}
}
