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

// IDs and Histories count what the engine has of them.
func (b *Broker) IDs() (n int) {
	b.shards(func(s *shard) { n += len(s.seen.first) })
	return n
}

func (b *Broker) Histories() (n int) {
	b.shards(func(s *shard) { n += len(s.histories) })
	return n
}

func (b *Broker) shards(look func(*shard)) {
	for i := range b.engine.shards {
		s := &b.engine.shards[i]
		s.mu.RLock()
		look(s)
		s.mu.RUnlock()
	}
}
