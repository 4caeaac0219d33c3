package memory

// HoldWriting keeps the engine from its disk until release is called.
func (b *Broker) HoldWriting() (release func()) {
	b.engine.state.durable.turn.Lock()
	return b.engine.state.durable.turn.Unlock
}

// Waiting returns how many changes wait for the disk.
func (b *Broker) Waiting() int {
	b.engine.state.mu.Lock()
	defer b.engine.state.mu.Unlock()
	return len(b.engine.state.durable.pending)
}
