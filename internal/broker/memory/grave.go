package memory

import "portcullis/internal/channel"

// mostGraves is how many channels a shard knows of that had a history and have none any more. It is what a million names leave behind.
const mostGraves = 64

// bury ends a history of which everything up to lost is gone. The caller holds the shard's mu.
//
// What was lost of a channel must be known for as long as somebody may come back to it: for ever. A few channels are known by name; when they are too many, what
// the newest of them lost is taken for lost on every channel that keeps nothing, which is safe: somebody who missed nothing may be told that they may have.
func (s *shard) bury(h *history, lost uint64) {
	h.change(func() { h.Drop(max(lost, h.Newest())) })
	delete(s.histories, h.ref)
	if len(s.graves) >= mostGraves {
		for _, l := range s.graves {
			s.forgotten = max(s.forgotten, l)
		}
		clear(s.graves)
	}
	s.graves[h.ref] = lost
}

// lost returns the offset up to which a channel that keeps nothing may have lost something.
func (s *shard) lost(ref channel.Ref) uint64 { return max(s.forgotten, s.graves[ref]) }
