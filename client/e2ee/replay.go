package e2ee

const (
	sessionSize = 16
	// maxSessions bounds what is remembered of one sender under one channel key. Nothing is forgotten in favour of a newcomer: what was forgotten could be said again.
	maxSessions = 1024
	windowSize  = 64
)

type session [sessionSize]byte

// windows is what was heard under one channel key, by sender and session.
type windows map[person]map[session]*window

// window is the highest counter of a session, and which of the 64 below it were heard (as in RFC 6479, and RFC 4303, section 3.4.3).
type window struct {
	highest uint64
	below   uint64 // bit n stands for highest-1-n
}

// take notes a message that is right in every other way. The error is a replay.
func (w windows) take(who person, s session, counter uint64) error {
	sessions := w[who]
	if sessions == nil {
		sessions = make(map[session]*window)
		w[who] = sessions
	}
	heard := sessions[s]
	switch {
	case heard != nil:
		return heard.take(counter)
	case len(sessions) == maxSessions:
		return refuse(Replay, "the sender began more than %d sessions under one channel key; its distributor must generate a new one", maxSessions)
	}
	sessions[s] = &window{highest: counter}
	return nil
}

func (w *window) take(counter uint64) error {
	if counter > w.highest {
		w.advance(counter - w.highest)
		return nil
	}
	behind := w.highest - counter
	if behind > windowSize {
		return refuse(Replay, "message %d came %d behind the newest of its session; it may have been here before", counter, behind)
	}
	if behind == 0 || w.below&(1<<(behind-1)) != 0 {
		return refuse(Replay, "message %d of its session was here before", counter)
	}
	w.below |= 1 << (behind - 1)
	return nil
}

// advance moves the window up by n. A shift by 64 or more leaves nothing, in Go.
func (w *window) advance(n uint64) {
	w.below = w.below<<n | 1<<(n-1)
	w.highest += n
}
