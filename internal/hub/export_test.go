package hub

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
