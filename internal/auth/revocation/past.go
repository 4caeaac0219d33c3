package revocation

import "time"

// past is what a ledger remembers of the engine's memory, whose changes are told in their order but perhaps late: later than what was announced. What is revoked or suspended
// goes by its id or key, and by when it was made, in nanoseconds since 1970.
type past struct {
	told   map[string]int64 // when what stands there was made
	lifted map[string]lifted
}

type lifted struct {
	made  int64
	heard time.Time
}

// late is longer than any change of a memory that works is told after it was announced.
const late = time.Minute

func newPast() past { return past{make(map[string]int64), make(map[string]lifted)} }

// tell is told that something stands in the memory, and reports whether that counts: it does not where it was lifted in the meantime.
func (p *past) tell(id string, made int64) bool {
	p.told[id] = made
	l, ok := p.lifted[id]
	return !ok || l.made != made
}

// wasTold reports whether it is what stood there last: then it is it that was taken away, and none that was made since.
func (p *past) wasTold(id string, of int64) bool {
	made, ok := p.told[id]
	return ok && made == of
}

func (p *past) untell(id string) { delete(p.told, id) }

func (p *past) lift(id string, made int64, now time.Time) { p.lifted[id] = lifted{made, now} }

// expire forgets what nobody will be told of any more.
func (p *past) expire(now time.Time) {
	for id, l := range p.lifted {
		if now.Sub(l.heard) > late {
			delete(p.lifted, id)
		}
	}
}
