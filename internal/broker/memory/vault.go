package memory

import (
	"sync"
	"sync/atomic"

	"portcullis/internal/tenant"
)

// vault is what one tenant's channels store, and the order in which it goes when it is too much: the oldest first, of whatever channel.
type vault struct {
	// last is the newest offset. All channels of the tenant count together, so that an offset is never given twice on a channel whose messages all
	// grew old; and no other tenant's, so that nobody sees how much others say. It is raised under the lock of the channel's shard.
	last  atomic.Uint64
	bytes atomic.Int64
	ids   atomic.Int64 // that are remembered
	// gone is, for each shard, up to which offset nothing is known of channels without a history; made when there is something. Written under the shard's mu.
	gone atomic.Pointer[[shards]atomic.Uint64]

	// Guarded by mu, which is taken after a shard's.
	mu     sync.Mutex
	queue  []stored // queue[first:] are, in about the order of their offsets, all that are stored, and some that are gone
	first  int
	stored int
}

// stored is one message of a history.
type stored struct {
	of     *history
	offset uint64
}

func (s stored) gone() bool { return s.offset <= s.of.gone.Load() }

// vault returns a tenant's.
func (e *engine) vault(id tenant.ID) *vault {
	if v, ok := e.vaults.Load(id); ok {
		return v.(*vault)
	}
	v, _ := e.vaults.LoadOrStore(id, new(vault))
	return v.(*vault)
}

// forget notes that nothing is known of channels in a shard up to an offset.
func (v *vault) forget(shard int, lost uint64) {
	if v.gone.Load() == nil {
		v.gone.CompareAndSwap(nil, new([shards]atomic.Uint64))
	}
	one := &v.gone.Load()[shard]
	one.Store(max(one.Load(), lost))
}

func (v *vault) forgotten(shard int) uint64 {
	if all := v.gone.Load(); all != nil {
		return all[shard].Load()
	}
	return 0
}

// settle counts bytes and messages that were added, or that are gone.
func (v *vault) settle(bytes int64, messages int) {
	if bytes == 0 && messages == 0 {
		return
	}
	v.bytes.Add(bytes)
	v.mu.Lock()
	if v.stored += messages; v.stored == 0 {
		v.queue, v.first = nil, 0
	}
	v.mu.Unlock()
}

// tidyAt is how many that are gone a queue may hold, beside as many as are stored.
const tidyAt = 1024

// remember puts a message that was stored behind the others.
func (v *vault) remember(h *history, offset uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = append(v.queue, stored{h, offset})
	if len(v.queue) < 2*v.stored+tidyAt {
		return
	}
	kept := make([]stored, 0, v.stored+tidyAt)
	for _, s := range v.queue[v.first:] {
		if !s.gone() {
			kept = append(kept, s)
		}
	}
	v.queue, v.first = kept, 0
}

// makeRoom drops the oldest messages while there are more bytes than total. No lock is held.
func (v *vault) makeRoom(e *engine, total int) {
	for v.bytes.Load() > int64(total) {
		oldest, ok := v.oldest()
		if !ok {
			return
		}
		_, s := e.place(oldest.of.ref)
		s.mu.Lock()
		if !oldest.gone() {
			oldest.of.change(func() { oldest.of.Drop(oldest.offset) })
			if oldest.of.Len() == 0 { // its name and what it takes beside its messages are counted nowhere
				e.bury(s, oldest.of, oldest.of.Lost())
			}
		}
		s.mu.Unlock()
	}
}

// oldest takes the oldest message out of the queue.
func (v *vault) oldest() (s stored, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.first < len(v.queue) {
		s, v.queue[v.first] = v.queue[v.first], stored{}
		v.first++
		if !s.gone() {
			return s, true
		}
	}
	return s, false
}
