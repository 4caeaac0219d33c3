package memory

import (
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// mostGraves is how many channels a shard knows of that had a history and have none any more. It is what a million names leave behind.
const mostGraves = 64

// bury ends a history of which everything up to lost is gone. The caller holds the shard's mu.
//
// What was lost of a channel must be known for as long as somebody may come back to it: for ever. A few channels are known by name; when they are too many, what
// those of the tenant that has most here are forgotten, and what the newest of them lost is taken for lost on every channel of that tenant here that keeps nothing. That is safe: somebody who missed nothing may be told
// that they may have. Another tenant, which has fewer, must not hear of it.
func (e *engine) bury(s *shard, h *history, lost uint64) {
	h.change(func() { h.Drop(max(lost, h.Newest())) })
	delete(s.histories, h.ref)
	s.graves[h.ref] = lost
	if len(s.graves) <= mostGraves {
		return
	}
	most := mostBuried(s.graves)
	for ref, l := range s.graves {
		if ref.Tenant == most {
			e.vault(most).forget(e.number(ref), l)
			delete(s.graves, ref)
		}
	}
}

// mostBuried returns the tenant that has most graves.
func mostBuried(graves map[channel.Ref]uint64) (most tenant.ID) {
	counts := make(map[tenant.ID]int)
	for ref := range graves {
		if counts[ref.Tenant]++; counts[ref.Tenant] > counts[most] {
			most = ref.Tenant
		}
	}
	return most
}

// lost returns the offset up to which a channel that keeps nothing may have lost something. The caller holds the shard's mu.
func (e *engine) lost(s *shard, ref channel.Ref) uint64 {
	return max(e.vault(ref.Tenant).forgotten(e.number(ref)), s.graves[ref])
}
