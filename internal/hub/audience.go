package hub

import (
	"slices"
	"sync"

	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

// mostNotices is how many notices an audience holds. The loser is all of them: in their place one says that joins and leaves are told again, so that whoever wants to know asks who is there.
const mostNotices = 1024

// audience is those of a channel's subscribers on this node who hear of joins and leaves, and what they have not been given yet. It stands beside the channel's room, which knows nothing
// of it: what is published waits for none of this.
type audience struct {
	// Set when it is made, then read-only.
	account *limit.Tenant

	// Guarded by the shard's mu.
	places int // of listeners, also of those who are coming or going

	// Guarded by mu.
	mu         sync.Mutex
	groups     []group
	pending    []*wire.Notice
	dispatches bool          // a dispatcher runs; there is one while there is something to say
	settled    chan struct{} // closed when the dispatcher holds another batch or none; made by whoever leaves while it runs
}

// listen takes a place in the audience of a channel, which it makes where nobody has one.
func (h *Hub) listen(ref channel.Ref, account *limit.Tenant, s Subscriber) *listener {
	sh := h.shard(ref)
	sh.mu.Lock()
	a := sh.audiences[ref]
	if a == nil {
		a = &audience{account: account}
		sh.audiences[ref] = a
	}
	a.places++
	sh.mu.Unlock()
	l := &listener{ref, a, Subscription{subscriber: s}}
	a.add(&l.place)
	return l
}

// listener is one subscriber's place in an audience.
type listener struct {
	ref      channel.Ref
	audience *audience
	place    Subscription
}

// leave gives the place back. Nothing more is told to it once settled, where there is one, is closed.
func (l *listener) leave(h *Hub) (settled <-chan struct{}) {
	settled = l.audience.remove(&l.place)
	sh := h.shard(l.ref)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if l.audience.places--; l.audience.places == 0 {
		delete(sh.audiences, l.ref)
	}
	return settled
}

// tell gives a notice to a channel's audience, where it has one. It waits for nothing.
func (h *Hub) tell(ref channel.Ref, n *wire.Notice) {
	sh := h.shard(ref)
	sh.mu.RLock()
	a := sh.audiences[ref]
	sh.mu.RUnlock()
	if a != nil {
		a.enqueue(h, n)
	}
}

func (a *audience) add(s *Subscription) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.group(s.subscriber.Dialect())
	s.index = int32(len(g.members))
	g.members = append(g.members, s)
}

func (a *audience) remove(s *Subscription) (settled <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dispatches && a.settled == nil {
		a.settled = make(chan struct{})
	}
	g := a.group(s.subscriber.Dialect())
	last := g.members[len(g.members)-1]
	g.members[s.index], last.index = last, s.index
	g.members[len(g.members)-1] = nil
	g.members = g.members[:len(g.members)-1]
	return a.settled
}

// group returns the listeners of one dialect. The caller holds mu.
func (a *audience) group(d wire.Dialect) *group {
	i := slices.IndexFunc(a.groups, func(g group) bool { return g.dialect == d })
	if i < 0 {
		i, a.groups = len(a.groups), append(a.groups, group{dialect: d})
	}
	return &a.groups[i]
}

// enqueue puts n behind what is pending and makes sure that somebody tells it.
func (a *audience) enqueue(h *Hub, n *wire.Notice) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) >= mostNotices && n.Kind != wire.JoinLeave {
		n = &wire.Notice{Kind: wire.JoinLeave, Channel: n.Channel, Told: true}
	}
	if n.Kind == wire.JoinLeave { // after it nobody needs to know what was before
		clear(a.pending)
		a.pending = a.pending[:0]
	}
	a.pending = append(a.pending, n)
	if !a.dispatches {
		a.dispatches = true
		h.dispatchers.Go(func() { a.dispatch(h) })
	}
}

// dispatch tells batch after batch until nothing is pending. It takes turns with the tenant's deliveries.
func (a *audience) dispatch(h *Hub) {
	rota := a.account.Rota()
	rota.Take()
	defer rota.Give()
	for {
		notices, groups := a.take()
		if len(notices) == 0 {
			return
		}
		for _, g := range groups {
			a.say(h, g, notices)
		}
		if rota.Due() {
			h.breath.Take()
		}
		rota.Pass()
	}
}

// take returns what is pending, and who is there to hear it. When there is nothing the dispatcher must end.
func (a *audience) take() (notices []*wire.Notice, groups []group) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settled != nil {
		close(a.settled)
		a.settled = nil
	}
	if len(a.pending) == 0 {
		a.dispatches, a.pending = false, nil
		return nil, nil
	}
	n := 0
	for size := 0; n < min(len(a.pending), batchMessages) && size < batchBytes; n++ {
		size += noticeSize(a.pending[n])
	}
	notices = slices.Clone(a.pending[:n])
	a.pending = slices.Delete(a.pending, 0, n)
	for _, g := range a.groups {
		if len(g.members) > 0 {
			groups = append(groups, group{g.dialect, slices.Clone(g.members)})
		}
	}
	return notices, groups
}

// noticeSize is about how many bytes a notice takes on the wire.
func noticeSize(n *wire.Notice) int {
	if n.Member == nil {
		return framing
	}
	return framing + len(n.Member.User) + len(n.Member.Info)
}

// say encodes notices once and hands the same bytes to all listeners of a dialect.
func (a *audience) say(h *Hub, g group, notices []*wire.Notice) {
	frames := make([]byte, 0, len(notices)*framing)
	for _, n := range notices {
		frames = g.dialect.AppendNotice(frames, n)
	}
	if len(frames) == 0 { // the dialect has no word for it
		return
	}
	p := &wire.Parcel{Frames: frames, Messages: len(notices), Shared: new(limit.Shared), Stays: true}
	p.Shared.Of(a.account, len(frames))
	taken := h.give(g.members, p, a.account.Rota()).taken
	a.account.Counts().Sent(len(notices)*taken, len(frames)*taken)
	h.observer.Told(notices, taken, len(frames)*taken)
}
