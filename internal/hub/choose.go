package hub

import (
	"context"
	"slices"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// Chooser says who chose a subscription for a client. The set is closed: it is a metric label.
type Chooser string

// The choosers.
const (
	ByTenant  Chooser = "tenant"  // the tenant's configuration
	ByService Chooser = "service" // a backend of the tenant
)

// Choosers lists every chooser, and NotChosen why a choice may not become a subscription, for label sets that are created at zero.
var (
	Choosers  = []Chooser{ByTenant, ByService}
	NotChosen = []wire.Code{wire.Forbidden, wire.QuotaExceeded, wire.AlreadySubscribed, wire.Unavailable}
)

// chooser is who wanted a subscription: the client itself, or a Chooser. A subscription is small, and there are very many.
type chooser uint8

const (
	itself chooser = iota
	theTenant
	aService
)

func (c chooser) told() Chooser {
	if c == theTenant {
		return ByTenant
	}
	return ByService
}

func (s *Subscription) chosen() bool { return s.by != itself }

func anybodys(*Subscription) bool { return true }

// beginning is a chosen subscription on its way: it holds what comes in until the client has been told of it.
type beginning struct {
	s     *Subscription
	keeps bool             // its channel keeps history
	at    message.Position // where it begins, once that is known
}

// choices are the channels that the tenant chooses for whom the member speaks for.
func (r rights) choices() []channel.Name { return r.tenant.Choices.Of(r.principal) }

// Greet makes the subscriptions that the tenant chose for its user, and calls welcome with them, once, before anything of them can arrive. Nobody chooses anything for the member before that. With a fault there was
// no welcome, and the connection must end: what its user relies on to hear would be missing.
//
// A choice is no right. What the rules do not allow, and what would be more than the limits, is left out; the list says what is heard.
func (m *Member) Greet(ctx context.Context, welcome func([]wire.Subscription)) *wire.Fault {
	var all []*beginning
	for done := (rights{}); ; {
		m.lock()
		if m.rights == done {
			break
		}
		done = m.rights // they may change while the engine is asked
		asks := false
		for _, name := range done.choices() {
			if m.subscriptions.find(name) != nil { // from the rights before
				continue
			}
			if b, _ := m.hold(name, theTenant); b != nil {
				all, asks = append(all, b), asks || !b.known()
			}
		}
		if !asks {
			break
		}
		m.mu.Unlock()
		if err := m.hub.locate(ctx, all); err != nil {
			return m.abandon(all)
		}
	}
	defer m.mu.Unlock()
	m.commit(all, welcome)
	m.greeted = true
	return nil
}

// Gain makes the subscriptions that a change of the member's rights brought, and calls subscribed with those that begin, before anything of them can arrive. A fault is that of Greet.
func (m *Member) Gain(ctx context.Context, loss *Loss, subscribed func([]wire.Subscription)) *wire.Fault {
	if loss == nil || len(loss.gains) == 0 {
		return nil
	}
	m.lock()
	var all []*beginning
	choices := m.rights.choices() // they may have changed again
	for _, name := range loss.gains {
		if !m.gone && slices.Contains(choices, name) {
			if b, _ := m.hold(name, theTenant); b != nil {
				all = append(all, b)
			}
		}
	}
	m.mu.Unlock()
	return m.begin(ctx, all, subscribed)
}

// Give makes a subscription that a service of the tenant chose, and calls subscribed with it before anything of it can arrive. The rules are asked about the member, and not about the service.
func (m *Member) Give(ctx context.Context, name channel.Name, subscribed func([]wire.Subscription)) *wire.Fault {
	m.lock()
	var b *beginning
	var fault *wire.Fault
	switch {
	case m.gone:
		fault = &wire.Fault{Code: wire.NotFound, Message: "the connection has ended"}
	case !m.greeted:
		fault = &wire.Fault{Code: wire.Unavailable, Message: "the connection has not been welcomed yet", Retry: time.Second}
	default:
		b, fault = m.hold(name, aService)
	}
	m.mu.Unlock()
	if fault != nil {
		return fault
	}
	made := false
	fault = m.begin(ctx, []*beginning{b}, func(all []wire.Subscription) {
		made = true
		subscribed(all)
	})
	if fault == nil && !made {
		fault = &wire.Fault{Code: wire.Forbidden, Message: "the subscription to " + name.String() + " was ended before it began"}
	}
	return fault
}

// hold joins the room of a chosen channel, where its subscription holds what comes in. The caller holds mu.
func (m *Member) hold(name channel.Name, by chooser) (*beginning, *wire.Fault) {
	b, fault := m.choose(name, by)
	if fault != nil {
		m.hub.observer.Chosen(by.told(), fault.Code)
	}
	return b, fault
}

func (m *Member) choose(name channel.Name, by chooser) (*beginning, *wire.Fault) {
	if m.subscriptions.find(name) != nil {
		return nil, &wire.Fault{Code: wire.AlreadySubscribed, Message: alreadySubscribed(name)}
	}
	r := m.rights
	d := r.decide(acl.Subscribe, name)
	m.hub.observer.Decided(acl.Subscribe, d)
	if !d.Allowed { // nobody tried anything: it is no event of security
		m.hub.trace("not chosen", "acl.not_chosen", r.principal, acl.Subscribe, name, d)
		return nil, &wire.Fault{Code: wire.Forbidden, Message: "subscribe on " + name.String() + " is not allowed to the user of the connection"}
	}
	setting := r.tenant.Channels.Of(name)
	s := &Subscription{subscriber: m.subscriber, by: by, slow: setting.SlowReader}
	if fault := m.hub.join(r.ref(name), r.tenant.Account, m.subscriptions.len(), s, m.follower(), nil); fault != nil {
		return nil, fault
	}
	m.subscriptions.add(s)
	return &beginning{s: s, keeps: setting.History.Kept()}, nil
}

// begin finds where subscriptions begin, and lets them.
func (m *Member) begin(ctx context.Context, all []*beginning, told func([]wire.Subscription)) *wire.Fault {
	if err := m.hub.locate(ctx, all); err != nil {
		return m.abandon(all)
	}
	m.lock()
	defer m.mu.Unlock()
	m.commit(all, told)
	return nil
}

// known reports whether nobody needs to be asked where b begins.
func (b *beginning) known() bool {
	return !b.keeps || b.at.Epoch != "" || b.s.room.newest().Epoch != ""
}

// newest returns the position of the newest message that came in, the zero Position where that is not known. Whoever holds what comes in may begin there.
func (r *room) newest() message.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.course.heard
}

// locate asks the engine where those channels are whose rooms do not know.
func (h *Hub) locate(ctx context.Context, all []*beginning) error {
	ask := slices.DeleteFunc(slices.Clone(all), (*beginning).known)
	ctx, cancel := context.WithTimeout(ctx, readBy)
	defer cancel()
	for range readAgain {
		if len(ask) == 0 {
			return nil
		}
		refs := make([]channel.Ref, len(ask))
		for i, b := range ask {
			b.s.room.restart(b.s)
			refs[i] = b.s.room.ref
		}
		heads, err := h.broker.Heads(ctx, refs)
		if err != nil {
			return err
		}
		for i, b := range ask {
			b.at = heads[i]
		}
		ask = slices.DeleteFunc(ask, func(b *beginning) bool { return !b.s.room.overran(b.s) })
	}
	return nil
}

// commit tells the client of the subscriptions that nobody took meanwhile, and lets them begin behind that. The caller holds mu, so that what ends one waits until it has begun.
func (m *Member) commit(all []*beginning, told func([]wire.Subscription)) {
	all = slices.DeleteFunc(all, func(b *beginning) bool { return m.subscriptions.find(b.s.room.ref.Name) != b.s })
	var list []wire.Subscription
	for _, b := range all {
		if b.keeps && b.at.Epoch == "" {
			b.at = b.s.room.newest()
		}
		m.attend(b.s.room.ref, false, func() {}) // whoever asks once the client knows finds it there
		list = append(list, wire.Subscription{Channel: b.s.room.ref.Name.String(), Position: b.at})
	}
	if len(list) > 0 || !m.greeted {
		told(list)
	}
	for _, b := range all {
		m.hub.replay(b.s, &found{at: b.at})
		m.began(b.s)
		m.hub.observer.Chosen(b.s.by.told(), "")
	}
}

// abandon gives back subscriptions that cannot begin, because the engine does not say where.
func (m *Member) abandon(all []*beginning) *wire.Fault {
	m.lock()
	defer m.mu.Unlock()
	for _, b := range all {
		name := b.s.room.ref.Name
		if m.subscriptions.find(name) == b.s {
			m.subscriptions.remove(name)
			m.leave(b.s)
			m.hub.observer.Chosen(b.s.by.told(), wire.Unavailable)
		}
	}
	return &wire.Fault{Code: wire.Unavailable, Message: "the engine cannot say where the channel is", Retry: time.Second}
}
