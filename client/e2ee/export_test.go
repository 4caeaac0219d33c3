package e2ee

// Served says that the newest channel key has served n messages.
func (r *Room) Served(n int64) { r.keys.newest.served.Store(n) }

// Fill says that the reading has opened n messages.
func (h *Reader) Fill(n int) {
	for i := range n {
		h.read[place{key: "filled", counter: uint64(i)}] = true
	}
}

// Members returns the names and values of a JSON object as the package reads it, and whether it reads it at all.
func Members(text []byte) (map[string]string, bool) {
	o, err := readObject(text)
	if err != nil {
		return nil, false
	}
	all := make(map[string]string, len(o))
	for _, f := range o {
		all[f.name] = string(f.value)
	}
	return all, true
}

// Window is a window of counters.
type Window struct{ windows windows }

// Take notes a counter, if it is new.
func (w *Window) Take(counter uint64) bool {
	if w.windows == nil {
		w.windows = make(windows)
	}
	return w.windows.take(person{}, session{}, counter) == nil
}
