package hub

import (
	"runtime"
	"time"

	"portcullis/internal/limit"
)

// A delivery to many is a long piece of work, and a tenant may have many of them at once. So that nobody else waits for all of it, deliveries of one tenant take turns (limit.Rota), and each
// stands back now and then.
const (
	// stride is after how many subscribers a delivery looks at the clock, and how many it may leave to flush goroutines of their own before these get their turn.
	stride = 32
	// stretch is how long it delivers before it stands back.
	stretch = 200 * time.Microsecond
)

// stint is one goroutine's part of a delivery.
type stint struct {
	hub   *Hub
	rota  *limit.Rota
	since time.Time
	kept  int // subscribers for whom something was queued since
}

func (h *Hub) stint(r *limit.Rota) stint { return stint{hub: h, rota: r, since: time.Now()} }

// rest lets others go first if it is time.
func (s *stint) rest() {
	if s.kept < stride && time.Since(s.since) < stretch {
		return
	}
	s.hub.standBack(s.rota)
	s.since, s.kept = time.Now(), 0
}

// standBack lets others go first: those who are ready, and, when the tenant's deliveries have had no pause for a while, those too of whom only the kernel knows yet.
func (h *Hub) standBack(r *limit.Rota) {
	if r.Due() {
		h.breath.Take()
		return
	}
	runtime.Gosched()
}
