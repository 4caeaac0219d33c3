package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// model is a channel as it must seem to everybody: what was said, how much of it is kept, who hears what, and who is there.
type model struct {
	keeps int // messages, none older than modelAge; 0 is a channel without history
	said  []saying
	lost  int // so many of said are not stored any more
	hears map[*guest]*hearing
	left  map[string]time.Time // users, when the last subscription of theirs ended
}

const (
	modelAge   = 10 * time.Minute
	modelGrace = 5 * time.Second
)

type saying struct {
	text, by string // by a connection
	at       message.Position
	when     time.Time
}

// hearing is what a subscription must have heard.
type hearing struct {
	mute, listens bool
	want          []string
}

func (m *model) say(s saying) {
	m.said = append(m.said, s)
	for g, h := range m.hears {
		h.add(g, s)
	}
}

func (h *hearing) add(g *guest, s saying) {
	if !h.mute || s.by != g.connection {
		h.want = append(h.want, s.text)
	}
}

// stored is what is kept now.
func (m *model) stored() []saying {
	m.lost = max(m.lost, len(m.said)-m.keeps)
	for m.lost < len(m.said) && time.Since(m.said[m.lost].when) > modelAge {
		m.lost++
	}
	return m.said[m.lost:]
}

func (m *model) after(offset uint64) []saying {
	from := slices.IndexFunc(m.said, func(s saying) bool { return s.at.Offset > offset })
	if from < 0 {
		return nil
	}
	return m.said[from:]
}

// there are the users who are on the channel, and those who have just left it.
func (m *model) there() []string {
	var users []string
	for g := range m.hears {
		users = append(users, g.user)
	}
	for user, when := range m.left {
		if time.Since(when) < modelGrace {
			users = append(users, user)
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// quit ends a subscription.
func (m *model) quit(g *guest) {
	delete(m.hears, g)
	m.left[g.user] = time.Now()
}

// guest is a connection, and what it heard of each channel since it is subscribed to it.
type guest struct {
	*hub.Member
	place            *limit.Place
	user, connection string
	denied           string        // the channel that its rules do not let it hear
	dawdles          time.Duration // over each delivery: others get ahead meanwhile

	mu    sync.Mutex
	heard map[string][]string // an entry is there while something may come
	there map[string][]string // by the list and what was told since
	wrong string
}

// spoken is a dialect of lines.
type spoken struct{ wire.Dialect }

func (spoken) AppendMessage(dst []byte, m *message.Message) []byte {
	return fmt.Appendf(dst, "message %s %s\n", m.Channel.Name, m.Data)
}

func (spoken) AppendNotice(dst []byte, n *wire.Notice) []byte {
	if n.Member == nil {
		return fmt.Appendf(dst, "%s %s -\n", n.Kind, n.Channel)
	}
	return fmt.Appendf(dst, "%s %s %s\n", n.Kind, n.Channel, n.Member.User)
}

func (*guest) Dialect() wire.Dialect { return spoken{} }

// Await waits for nothing: a guest always has room.
func (*guest) Await(time.Time) {}

func (g *guest) Deliver(p *wire.Parcel, _ wire.Lane) hub.Outcome {
	if g.dawdles > 0 {
		time.Sleep(g.dawdles)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for line := range strings.Lines(string(p.Frames)) {
		part := strings.Fields(line)
		heard, subscribed := g.heard[part[1]]
		users := slices.DeleteFunc(g.there[part[1]], func(user string) bool { return user == part[2] })
		switch {
		case !subscribed:
			g.wrong = fmt.Sprintf("%q without a subscription", line)
		case part[0] == "message":
			g.heard[part[1]] = append(heard, part[2])
		case part[0] == "join":
			g.there[part[1]] = append(users, part[2])
		case part[0] == "leave":
			g.there[part[1]] = users
		default:
			g.wrong = fmt.Sprintf("%q, and nothing is missing", line)
		}
	}
	return hub.Taken
}

// open and shut say from when on, and until when, something of a channel may come.
func (g *guest) open(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard[name] = []string{}
}

func (g *guest) shut(name string) (heard []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	heard = g.heard[name]
	delete(g.heard, name)
	delete(g.there, name)
	return heard
}

// hesitant is an engine that takes its time to say what it stores.
type hesitant struct {
	broker.Broker
	takes func() time.Duration
}
