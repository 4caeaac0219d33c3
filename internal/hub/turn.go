package hub

import (
	"runtime"
	"time"

	"portcullis/internal/limit"
)

// A delivery to many is a long piece of work, and a tenant may have many of them at once. So that nobody else waits for all of it, deliveries of one tenant take turns (limit.Rota), and each
// stands back now and then.
const (
	// lookBytes is after how many bytes a delivery looks at the clock: what the kernel takes of large messages is time too.
	lookBytes = 32 << 10
	// stride is after how many subscribers a delivery looks at the clock, and how many it may leave to flush goroutines of their own before these get their turn.
	stride = 32
	// stretch is how long it delivers before it stands back.
	stretch = 200 * time.Microsecond
	// holdMost bounds how long a channel waits, after a batch, for the flush goroutines of its subscribers.
	holdMost = 250 * time.Millisecond
)

// stint is one goroutine's part of a delivery.
type stint struct {
	hub   *Hub
	rota  *limit.Rota
	since time.Time
	kept  int // subscribers for whom something was queued since
}

func (h *Hub) stint(r *limit.Rota) stint { return stint{hub: h, rota: r, since: time.Now()} }

// rest lets others go first if it is time, and the tenant has no credit.
func (s *stint) rest() {
	spent := time.Since(s.since)
	if s.kept < stride && spent < stretch {
		return
	}
	if s.kept >= stride || !s.rota.Spend(spent) {
		s.hub.standBack(s.rota)
		s.kept = 0
	}
	s.since = time.Now()
}

// looksAfter is after how many subscribers a delivery of so many bytes looks at the clock.
func looksAfter(bytes int) int { return max(1, min(stride, lookBytes/max(1, bytes))) }

// hold waits until the flush goroutines of crowded subscribers have caught up, where it is for want of a core that they have not: every TLS connection's frames go that way, and a burst must not fill
// an outbox whose client reads. It is the channel's own publishers who pay for it, once the room is full: the turn is for others meanwhile.
func (h *Hub) hold(crowded []Subscriber, r *limit.Rota) {
	if len(crowded) == 0 {
		return
	}
	r.Give()
	until := time.Now().Add(holdMost)
	for _, s := range crowded {
		s.Await(until)
	}
	r.Take()
}

// standBack lets others go first: those who are ready, and, when the tenant's deliveries have had no pause for a while, those too of whom only the kernel knows yet.
func (h *Hub) standBack(r *limit.Rota) {
	if r.Due() {
		h.breath.Take()
		return
	}
	runtime.Gosched()
}
