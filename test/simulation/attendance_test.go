package simulation_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	"portcullis/internal/presence"
	"portcullis/internal/wire"
)

// late is by how much something may be told after it happened: a node tells a slow engine one change after the other, and again what was not answered.
const late = 10 * time.Second

// attendance is the plain tally of who was where: the stays of connections on channels, as the hubs began and ended them, beside what presence made of them for others.
type attendance struct {
	mu    sync.Mutex
	stays []*stay
	open  map[string]*stay // those that last, by connection and channel
	told  []telling
	lists []list
}

func newAttendance() *attendance { return &attendance{open: make(map[string]*stay)} }

// stay is one connection that was subscribed to one channel.
type stay struct {
	user, channel string
	on            *register
	from, until   time.Time // until is zero while it lasts
}

// telling is a join or leave that a node told its clients.
type telling struct {
	at            time.Time
	kind          wire.NoticeKind
	user, channel string
}

// list is who was on a channel, as a client was told some time between its question and when it heard.
type list struct {
	asked, heard time.Time
	channel      string
	users        []string
}

// register is one node's part of the attendance. It follows the node's hub.
type register struct {
	*attendance
	site  *site
	ended time.Time // of the node; zero while it runs; guarded by mu
}

func (r *register) Subscribed(p *auth.Principal, connection string, name channel.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &stay{user: p.User, channel: name.String(), on: r, from: time.Now()}
	r.stays = append(r.stays, s)
	r.open[connection+" "+s.channel] = s
}

func (r *register) Unsubscribed(_ *auth.Principal, connection string, name channel.Name, _ hub.Ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := connection + " " + name.String()
	r.open[key].until = time.Now()
	delete(r.open, key)
}

func (*register) Occupied(channel.Ref)      {}
func (*register) Vacated(channel.Ref)       {}
func (*register) Published(message.Message) {}

func (r *register) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = time.Now()
}

// where returns the site on which a user is, nil when they are on none.
func (a *attendance) where(user string) *site {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.open {
		if s.user == user {
			return s.on.site
		}
	}
	return nil
}

func (a *attendance) tell(notices []*wire.Notice) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range notices {
		if n.Member != nil {
			a.told = append(a.told, telling{time.Now(), n.Kind, n.Member.User, n.Channel})
		}
	}
}

func (a *attendance) listed(l list) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lists = append(a.lists, l)
}

// covers reports whether somebody was there from one moment to another without a break.
func (s *stay) covers(from, until time.Time) bool {
	return !s.from.After(from) && (s.until.IsZero() || s.until.After(until))
}

// gone is when nobody may be told any more that somebody is there: a lease later where the node may not have said goodbye for them.
func (s *stay) gone() time.Time {
	gone := s.until.Add(presence.Grace + late)
	if s.leased() {
		gone = gone.Add(presence.Lease)
	}
	return gone
}

// leased reports whether the stay ended with its node, or so shortly before that the engine may not have heard of it.
func (s *stay) leased() bool {
	return !s.until.IsZero() && !s.on.ended.IsZero() && s.until.After(s.on.ended.Add(-late))
}

// account finds what was told of somebody that was not so. Nothing of it says when a leave comes: lists do.
func (a *attendance) account(count func(what string)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.told {
		if err := a.right(t, count); err != nil {
			return err
		}
	}
	for _, l := range a.lists {
		if err := a.whole(l); err != nil {
			return err
		}
	}
	return nil
}

// right finds a join of somebody who was not there, and a leave of somebody who was, all through the grace.
func (a *attendance) right(t telling, count func(what string)) error {
	var here, stays, leased bool
	for _, s := range a.stays {
		if s.user != t.user || s.channel != t.channel || s.from.After(t.at) {
			continue
		}
		here = here || s.until.IsZero() || s.until.After(t.at.Add(-late))
		stays = stays || s.covers(t.at.Add(-late), t.at.Add(-presence.Grace))
		leased = s.leased() // of the last one
	}
	switch {
	case t.kind == wire.Join && !here:
		return fmt.Errorf("%s was said to join %s at %v, and was not there", t.user, t.channel, t.at)
	case t.kind == wire.Leave && stays:
		return fmt.Errorf("%s was said to leave %s at %v, and stayed", t.user, t.channel, t.at)
	case t.kind == wire.Leave && leased:
		count("leave after a crash")
	}
	return nil
}

// whole finds somebody on a list who was long gone, and somebody who stayed and is not on it.
func (a *attendance) whole(l list) error {
	may := make(map[string]bool)
	for _, s := range a.stays {
		if s.channel != l.channel || s.from.After(l.heard) {
			continue
		}
		if s.until.IsZero() || s.gone().After(l.asked) {
			may[s.user] = true
		}
		if s.covers(l.asked.Add(-late), l.heard) && !slices.Contains(l.users, s.user) {
			return fmt.Errorf("%s was on %s since %v, and is not on the list that was asked for at %v: %v", s.user, l.channel, s.from, l.asked, l.users)
		}
	}
	for _, user := range l.users {
		if !may[user] {
			return fmt.Errorf("%s is on the list of %s that was asked for at %v, and was long gone", user, l.channel, l.asked)
		}
	}
	return nil
}
