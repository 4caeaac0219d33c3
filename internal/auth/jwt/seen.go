package jwt

import (
	"crypto"
	"crypto/sha256"
	"sync"
)

// signatures remembers which tokens' signatures were verified, and by which key. A client that reconnects shows the token that it showed before: its signature is then no work.
//
// That is all that is remembered. The token is read again, its key looked up again, and its audience, times, binding and everything else are asked again; a key that the issuer took
// back or replaced is another key, and its signatures are verified anew. Only good signatures are kept, so that strangers cannot fill it, and at most [maxSeen] of them: of more, those that
// were not shown for the longest time are forgotten.
type signatures struct {
	// Guarded by mu.
	mu         sync.RWMutex
	young, old map[[sha256.Size]byte]crypto.PublicKey
}

const maxSeen = 50_000

// verified reports whether key verified the token's signature before.
func (s *signatures) verified(token string, key crypto.PublicKey) bool {
	sum := sha256.Sum256([]byte(token))
	s.mu.RLock()
	known, young := s.young[sum]
	if !young {
		known = s.old[sum]
	}
	s.mu.RUnlock()
	if known == nil || !sameKey(known, key) {
		return false
	}
	if !young {
		s.keep(sum, key)
	}
	return true
}

// remember notes that key verified the token's signature.
func (s *signatures) remember(token string, key crypto.PublicKey) {
	s.keep(sha256.Sum256([]byte(token)), key)
}

func (s *signatures) keep(sum [sha256.Size]byte, key crypto.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.young == nil || len(s.young) >= maxSeen/2 {
		s.old, s.young = s.young, make(map[[sha256.Size]byte]crypto.PublicKey)
	}
	s.young[sum] = key
}

// sameKey compares keys by what they are: the newest set has new values of the keys that stayed.
func sameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
