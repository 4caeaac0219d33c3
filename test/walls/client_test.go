package walls_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"portcullis/internal/auth/authtest"
)

// said is anything that the gateway says.
type said struct {
	Type, Channel, Code, Tenant, User, Connection string
	ID                                            int
	From                                          struct{ User, Connection string }
	Data                                          json.RawMessage
	Encryption                                    string
	Member                                        member
	Members                                       []member
	Count                                         int
	Told                                          bool
	position
	Recovered, Duplicate *bool
	Replayed             int
	Messages             []stored
	More                 bool
	Subscriptions        []struct {
		Channel string
		position
	}
	raw string
}

// member is somebody who is on a channel.
type member struct{ User, Connection string }

// client is a connection, and what the test knows about it.
type client struct {
	party *party
	who
	grants     []grant // nil is a token that is not narrowed
	token      string
	jti, sid   string
	connection string
	ws         *websocket.Conn
	frames     chan said // closed behind the last, when the connection has ended
	code       int       // of the end

	sees  map[string]bool    // channels where it hears of joins and leaves, as its own frames say
	hears map[string]hearing // as its own frames say, in their order
	heard map[int]bool       // publications
	owed  map[int]bool       // publications that it is to hear though they were said before it came
	gains map[string]chooser // subscriptions of which it is to be told
}

// hearing is a subscription: who chose it, and from which publication on it hears.
type hearing struct {
	from int
	by   chooser
}

type chooser string

const (
	itself   chooser = ""
	tenant   chooser = "tenant"
	aBackend chooser = "backend"
)

// grant narrows a token (RFC 9396).
type grant struct {
	Type     string   `json:"type"`
	Actions  []string `json:"actions"`
	Channels []string `json:"channels"`
}

// may is the naive reading of the rules and of what the token was narrowed to.
func (c *client) may(action, name string) bool {
	granted := c.grants == nil
	for _, g := range c.grants {
		granted = granted || slices.Contains(g.Actions, action) && slices.ContainsFunc(g.Channels, func(pattern string) bool {
			return matches(strings.Split(pattern, ":"), strings.Split(name, ":"))
		})
	}
	return granted && c.party.may(c.who, action, name)
}

func (c *client) manages() bool { return c.grants == nil && slices.Contains(c.roles, "boss") }

// credential gives a user a token whose ids other tenants' tokens have too.
func (w *world) credential(c *client, has []string) {
	c.roles, c.grants, c.teams = has, nil, nil
	if n := w.chance.IntN(6); n > 0 {
		c.teams = []string{pick(w, teams)}
		if n == 1 {
			c.teams = append(c.teams, pick(w, teams))
		}
	}
	if w.chance.IntN(4) == 0 {
		for range 1 + w.chance.IntN(2) {
			c.grants = append(c.grants, grant{"portcullis_channel", some(w, verbs), []string{templates.ReplaceAllString(w.pattern(c.party), "*")}})
		}
	}
	for _, n := range w.chance.Perm(4) {
		c.jti, c.sid = fmt.Sprint("token-", n), fmt.Sprint("session-", n)
		if !c.party.revoked[c.jti] && !c.party.revoked[c.sid] {
			break
		}
		w.fresh++
		c.jti, c.sid = fmt.Sprint("token-fresh-", w.fresh), fmt.Sprint("session-fresh-", w.fresh)
	}
	says := authtest.Claims{"roles": has, "jti": c.jti, "sid": c.sid}
	if c.teams != nil {
		says["team"] = c.teams
	}
	if c.grants != nil {
		says["authorization_details"] = c.grants
	}
	c.token = c.party.issuer.Token(c.user, says)
}

var templates = regexp.MustCompile(`\{[^}]*\}`)

const patience = 10 * time.Second

// dial connects with a token or, where there is one, a ticket.
func (h *house) dial(c *client, ticket string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	url, header := "ws://"+h.Addr()+"/v1/ws", http.Header{}
	if ticket != "" {
		url += "?ticket=" + ticket
	} else {
		header.Set("Authorization", "Bearer "+c.token)
	}
	ws, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		status := 0
		if answer != nil {
			status = answer.StatusCode
		}
		return fmt.Errorf("%s of %s does not get in: %d, %w", c.user, c.party.id, status, err)
	}
	c.ws, c.frames, c.hears, c.heard, c.sees = ws, make(chan said, 4096), make(map[string]hearing), make(map[int]bool), make(map[string]bool)
	c.owed, c.gains = make(map[int]bool), make(map[string]chooser)
	go c.read()
	return nil
}

// read takes every frame until the connection ends.
func (c *client) read() {
	defer close(c.frames)
	for {
		_, text, err := c.ws.Read(context.Background())
		if err != nil {
			c.code = int(websocket.CloseStatus(err))
			return
		}
		var s said
		if err := json.Unmarshal(text, &s); err != nil {
			s.Type = "unreadable"
		}
		s.raw = string(text)
		c.frames <- s
	}
}

// live is the town of all clients, moved by one goroutine.
type live struct {
	*world
	*house
	clients      []*client
	publications []*publication
	checked      int // of publications

	step, requests, deliveries int
	recoveries, read, given    int    // continued subscriptions, messages of histories, subscriptions that others chose
	epoch                      string // of the node's engine
	reloads                    int
	sealed, unsealed           int // deliveries of what is encrypted, and publications that a channel did not take because they were not
	near                       int // subscribers of other tenants on the name of a publication
}

// publication is something that was said on a channel, or that should not have been.
type publication struct {
	by       *client
	name     string
	accepted bool
	want     string           // the code that it is answered, without a key
	members  map[string]any   // of the request: what is said
	sealed   bool             // it says that it is encrypted
	alone    bool             // over HTTP
	at       position         // where the channel keeps it
	hearers  map[*client]bool // who was subscribed, and whether they stayed since
}

// take looks at a frame. Whatever stands in it must be the client's own tenant's.
func (l *live) take(c *client, s said) error {
	for _, other := range l.parties {
		if mark := other.marked(s.raw); mark != "" && other != c.party {
			return fmt.Errorf("%s of %s reads %s of %s: %s", c.user, c.party.id, mark, other.id, s.raw)
		}
	}
	switch s.Type {
	case "message":
		return l.message(c, s)
	case "unsubscribed":
		if c.listens(s.Channel) && c.keeps(s.Channel) {
			return fmt.Errorf("%s of %s lost %s, which the rules allow", c.user, c.party.id, s.Channel)
		}
		delete(c.hears, s.Channel)
		delete(c.sees, s.Channel)
	case "subscribed":
		return l.gained(c, s)
	case "join", "leave", "join_leave":
		return l.attends(c, s)
	case "ok", "error", "welcome":
	default:
		return fmt.Errorf("%s of %s was told %s", c.user, c.party.id, s.raw)
	}
	return nil
}

func (l *live) message(c *client, s said) error {
	n, err := l.numbered(s.Data, s.Encryption)
	if err != nil {
		return fmt.Errorf("%s of %s heard what nobody said: %s: %w", c.user, c.party.id, s.raw, err)
	}
	p := l.publications[n]
	switch h, subscribed := c.hears[s.Channel]; {
	case p.by.party != c.party:
		return fmt.Errorf("%s of %s heard what %s of %s said: %s", c.user, c.party.id, p.by.user, p.by.party.id, s.raw)
	case !p.accepted:
		return fmt.Errorf("%s of %s heard what %s was refused to say: %s", c.user, c.party.id, p.by.user, s.raw)
	case !subscribed:
		return fmt.Errorf("%s of %s heard what they are not subscribed to: %s", c.user, c.party.id, s.raw)
	case n < h.from:
		return fmt.Errorf("%s of %s heard what was said long before they came: %s", c.user, c.party.id, s.raw)
	case p.name != s.Channel || p.by.user != s.From.User || p.from() != s.From.Connection:
		return fmt.Errorf("said by %s (%s) on %s, heard as %s", p.by.user, p.by.connection, p.name, s.raw)
	case s.Offset != p.at.Offset && p.at.Offset != 0:
		return fmt.Errorf("said at %v, heard as %s", p.at, s.raw)
	case c.heard[n]:
		return fmt.Errorf("%s of %s heard it twice: %s", c.user, c.party.id, s.raw)
	}
	c.heard[n] = true
	delete(c.owed, n)
	l.deliveries++
	if p.sealed {
		l.sealed++
	}
	return nil
}

// errGone is the error of a request whose connection ended.
var errGone = errors.New("the connection ended")

// next takes the next frame of a client, if it comes in time.
func (l *live) next(c *client, by time.Duration) (s said, err error) {
	select {
	case s, open := <-c.frames:
		if !open {
			return s, errGone
		}
		return s, cmp.Or(l.take(c, s), asContracted(s.raw))
	case <-time.After(by):
		return s, fmt.Errorf("%s of %s waited for %v in vain", c.user, c.party.id, by)
	}
}

// request asks and returns the answer; what comes meanwhile is looked at.
func (l *live) request(c *client, body map[string]any) (said, error) {
	l.requests++
	all := maps.Clone(body)
	all["id"] = l.requests
	text, err := json.Marshal(all)
	if err != nil {
		return said{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, text); err != nil {
		return said{}, errGone
	}
	for {
		s, err := l.next(c, patience)
		if err == nil && s.ID == l.requests && s.Type == "ok" {
			err = asContracted(s.raw, fmt.Sprint(body["type"]))
		}
		if err != nil || s.ID == l.requests {
			return s, err
		}
	}
}

// drain looks at everything that has come so far.
func (l *live) drain(c *client) error {
	for len(c.frames) > 0 {
		if _, err := l.next(c, patience); err != nil {
			return err
		}
	}
	return nil
}

func (l *live) of(p *party) []*client {
	return slices.DeleteFunc(slices.Clone(l.clients), func(c *client) bool { return c.party != p })
}
