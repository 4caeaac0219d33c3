package webhook

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/tenant"
)

// Config is what the hooks of a node need.
type Config struct {
	Node     string // its name
	Observer Observer
	Log      *slog.Logger
}

// Hooks are those of all tenants of a node.
type Hooks struct {
	// Set by New, then read-only.
	config Config
	store  *store
	hurry  chan struct{}

	feeds atomic.Pointer[map[tenant.ID]feed] // of tenants that have hooks

	loops sync.WaitGroup

	// Guarded by mu.
	mu       sync.Mutex
	hooks    map[key]*hook
	begin    func(*hook) // nil while nothing runs
	hurrying bool
}

// key is what a hook is known by. While both stay its queue does.
type key struct {
	tenant tenant.ID
	url    string
}

// feed is the hooks of one tenant, by what they are told of.
type feed map[Kind]*audience

// audience is who is told of one kind.
type audience struct {
	head      []byte // of the events
	listeners []listener
}

// listener is a hook with the settings that decide on what it is told.
type listener struct {
	hook    *hook
	setting *setting
}

// errRemoved is the cause of the end of a hook that is not configured any more.
var errRemoved = errors.New("the webhook was removed")

// New returns the hooks of a node that has none yet. Set gives it some, Run moves them.
func New(c Config) *Hooks {
	h := &Hooks{config: c, store: &store{drained: make(chan struct{}, 1)}, hurry: make(chan struct{}), hooks: make(map[key]*hook)}
	h.feeds.Store(&map[tenant.ID]feed{})
	return h
}

// Set makes s the settings that count. Hooks that stay keep their queues, and receivers that were gone are tried again; what a hook that goes holds is lost.
func (h *Hooks) Set(s *Settings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	feeds, stay := make(map[tenant.ID]feed, len(s.tenants)), make(map[key]bool)
	for id, settings := range s.tenants {
		f, from := make(feed), origin{h.config.Node, id.String()}
		feeds[id] = f
		for _, one := range settings {
			k := key{id, one.url}
			stay[k] = true
			hook := h.set(k, from, one)
			for _, kind := range one.kinds {
				if f[kind] == nil {
					f[kind] = &audience{head: from.head(kind)}
				}
				f[kind].listeners = append(f[kind].listeners, listener{hook, one})
			}
		}
	}
	h.feeds.Store(&feeds)
	for k, hook := range h.hooks {
		if !stay[k] {
			h.end(hook)
			delete(h.hooks, k)
		}
	}
}

// set gives a hook its settings, and makes it where there is none. The caller holds mu.
func (h *Hooks) set(k key, o origin, s *setting) *hook {
	if known := h.hooks[k]; known != nil {
		known.setting.Swap(s).courier.Rest()
		known.queue.resume()
		return known
	}
	known := &hook{
		tenant: k.tenant, origin: o, queue: newQueue(rand.Text()[:12], h.store, h.config.Observer), observer: h.config.Observer, log: h.config.Log,
		turns: limit.NewLines(1), lines: limit.NewLines(1), hurry: h.hurry,
	}
	known.setting.Store(s)
	h.hooks[k] = known
	if h.begin != nil {
		h.begin(known)
	}
	return known
}

// end ends a hook that is not configured any more. What it holds is lost, also what is under way.
func (*Hooks) end(k *hook) {
	k.queue.stop(Removed)
	if k.cancel != nil {
		k.cancel()
	}
}

// Run lets the hooks deliver until ctx ends. What waits then is lost: whoever wants to wait for it calls Flush before.
func (h *Hooks) Run(ctx context.Context) {
	h.mu.Lock()
	h.begin = func(k *hook) {
		inner, cancel := context.WithCancelCause(ctx)
		k.cancel = func() { cancel(errRemoved) }
		h.loops.Go(func() { k.run(inner) })
	}
	for _, k := range h.hooks {
		h.begin(k)
	}
	h.mu.Unlock()
	<-ctx.Done()
	h.mu.Lock()
	h.begin = nil
	h.mu.Unlock()
	h.loops.Wait()
}

// Flush sends what waits, without pausing for long, until nothing does or ctx ends. It is for a node in which nothing happens any more.
func (h *Hooks) Flush(ctx context.Context) {
	h.mu.Lock()
	if !h.hurrying {
		h.hurrying = true
		close(h.hurry)
	}
	h.mu.Unlock()
	for h.store.events.Load() > 0 {
		select {
		case <-h.store.drained:
		case <-ctx.Done():
			return
		}
	}
}

// happened tells the hooks of one tenant. what is called only when somebody wants to know, and the event is encoded at most twice.
func (h *Hooks) happened(id tenant.ID, kind Kind, name channel.Name, what func() event) {
	all := (*h.feeds.Load())[id][kind]
	if all == nil {
		return
	}
	var e event
	var plain, full []byte
	for _, l := range all.listeners {
		if !l.setting.wants(name) {
			continue
		}
		if e.data == nil {
			e = what()
		}
		text, payload := &plain, (*payload)(nil)
		if l.setting.payload {
			text, payload = &full, e.payload
		}
		if *text == nil {
			*text = encode(all.head, e.subject, e.at, e.data, payload)
		}
		l.hook.queue.put(kind, *text, e.at)
	}
}
