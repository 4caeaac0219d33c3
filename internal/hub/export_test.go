package hub

// Rooms counts the channels that are there.
func (h *Hub) Rooms() (n int) {
	for i := range h.rooms {
		n += len(h.rooms[i].rooms)
	}
	return n
}
