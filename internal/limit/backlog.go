package limit

import (
	"sync"
	"sync/atomic"
)

// backlogMost is how many bytes a tenant's channels may have to say on this node before all its publishers wait: those that only one channel has are bounded there. Nobody loses; a publisher that waits
// reads nothing from its client.
const backlogMost = 32 << 20

// Backlog is what a tenant's channels have to say on this node and have not said yet. It grows while they speak faster than this machine delivers.
type Backlog struct {
	bytes atomic.Int64

	// Guarded by mu.
	mu    sync.Mutex
	eased chan struct{} // closed when there is room again; made by the first publisher that waits
}

// Backlog returns the tenant's.
func (t *Tenant) Backlog() *Backlog { return &t.backlog }

// Add counts what is to be said.
func (b *Backlog) Add(bytes int) { b.bytes.Add(int64(bytes)) }

// Sub counts what is being delivered.
func (b *Backlog) Sub(bytes int) {
	if left := b.bytes.Add(-int64(bytes)); left >= backlogMost || left+int64(bytes) < backlogMost {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.eased != nil {
		close(b.eased)
		b.eased = nil
	}
}

// Full returns a channel to wait for while the backlog is as long as it may be, nil where it is not.
func (b *Backlog) Full() <-chan struct{} {
	if b.bytes.Load() < backlogMost {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes.Load() < backlogMost { // Sub, which looks for eased behind its change, may have been here
		return nil
	}
	if b.eased == nil {
		b.eased = make(chan struct{})
	}
	return b.eased
}
