package revocation

import (
	"context"
	"encoding/json"
	"time"

	"portcullis/internal/tenant"
)

// suspension is what stands in the engine's memory for a suspended tenant. Made tells one from the next of the same tenant: nanoseconds since 1970, 0 where an older node wrote it.
type suspension struct {
	Made int64 `json:"made,omitempty"`
}

// Suspend refuses a whole tenant, until Resume.
func (l *Ledger) Suspend(ctx context.Context, id tenant.ID) error {
	text, err := json.Marshal(suspension{time.Now().UnixNano()})
	if err != nil {
		return err
	}
	return l.store(ctx, suspensions+id.String(), text, 0)
}

// Resume lets a tenant in again.
func (l *Ledger) Resume(ctx context.Context, id tenant.ID) error {
	return l.store(ctx, suspensions+id.String(), nil, -1)
}

// Suspended reports whether a tenant is suspended.
func (l *Ledger) Suspended(id tenant.ID) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, yes := l.suspended[id]
	return yes
}

// readSuspension reads which tenant a key names, and since when it is suspended. Whatever stands there suspends, also what a newer node has written in other words.
func (l *Ledger) readSuspension(name string, value []byte) (id tenant.ID, s suspension, ok bool) {
	id, err := tenant.Parse(name)
	if err != nil {
		l.misunderstood(suspensions, err)
		return id, s, false
	}
	if value != nil && json.Unmarshal(value, &s) != nil {
		s = suspension{}
	}
	return id, s, true
}

// heardOfSuspension takes what a node announced: it counts at once.
func (l *Ledger) heardOfSuspension(name string, value []byte) {
	id, s, ok := l.readSuspension(name, value)
	if !ok {
		return
	}
	if value != nil {
		l.suspend(id, s, func() bool { return true })
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if made, was := l.suspended[id]; was {
		l.past.lift(suspensions+name, made, time.Now())
		delete(l.suspended, id)
	}
}

// toldOfSuspension takes a change of the engine's memory, which may be told late: the end of a suspension after the next one was announced, or one that is over by now.
func (l *Ledger) toldOfSuspension(name string, value []byte) {
	id, s, ok := l.readSuspension(name, value)
	if !ok {
		return
	}
	key := suspensions + name
	if value != nil {
		l.suspend(id, s, func() bool { return l.past.tell(key, s.Made) })
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if made, was := l.suspended[id]; was && l.past.wasTold(key, made) {
		delete(l.suspended, id)
	}
	l.past.untell(key)
}

// suspend takes a suspension into effect where counts, called under the lock, says that it does.
func (l *Ledger) suspend(id tenant.ID, s suspension, counts func() bool) {
	l.mu.Lock()
	news := false
	if counts() {
		made, was := l.suspended[id]
		l.suspended[id] = max(made, s.Made)
		news = !was
	}
	l.mu.Unlock()
	if news {
		l.changed(Change{Suspended: id})
	}
}
