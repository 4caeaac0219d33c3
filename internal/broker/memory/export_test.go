package memory

import (
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// IDBytes is what an ID counts as.
const IDBytes = idBytes

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

// Stored is how many bytes a tenant's channels keep, as they are counted.
func (b *Broker) Stored(id tenant.ID) int64 { return b.engine.vault(id).bytes.Load() }

func (b *Broker) shards(look func(*shard)) {
	for i := range b.engine.shards {
		s := &b.engine.shards[i]
		s.mu.RLock()
		look(s)
		s.mu.RUnlock()
	}
}

// Head is the newest offset of a channel.
func (b *Broker) Head(ref channel.Ref) uint64 { return b.engine.head(ref) }

// Graves counts the channels that are known by name alone.
func (b *Broker) Graves() (n int) {
	b.shards(func(s *shard) { n += len(s.graves) })
	return n
}
