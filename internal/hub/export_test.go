package hub

import (
	"time"

	"portcullis/internal/limit"
)

// Rooms counts the channels that are there.
func (h *Hub) Rooms() (n int) {
	for i := range h.rooms {
		n += len(h.rooms[i].rooms)
	}
	return n
}

// Audiences counts the channels where somebody hears of joins and leaves.
func (h *Hub) Audiences() (n int) {
	for i := range h.rooms {
		n += len(h.rooms[i].audiences)
	}
	return n
}

// How a delivery takes its turns.
const (
	Stretch = stretch
	Stride  = stride
)

// LooksAfter is looksAfter.
var LooksAfter = looksAfter

// StandsBack reports whether a delivery that took so long, and left as much to others as kept says, stands back.
func (h *Hub) StandsBack(r *limit.Rota, took time.Duration, kept int) bool {
	s := stint{hub: h, rota: r, since: time.Now().Add(-took), kept: max(1, kept)}
	s.rest()
	return s.kept == 0
}
