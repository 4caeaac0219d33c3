package simulation_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// company is who is on a channel, as a client knows it on one connection: who was on the list, and since then who came and left.
type company struct {
	listed bool
	list   []string // as it was answered, by connection
	users  map[string]bool
}

// ask asks who is on a channel.
func (c *client) ask(ctx context.Context, ws *websocket.Conn, name string) error {
	id := c.w.id()
	c.mu.Lock()
	c.asked[id] = time.Now()
	c.mu.Unlock()
	return ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"presence","id":%d,"channel":%q}`, id, name))
}

// listed takes the answer, and reports false for one to another question.
func (c *client) listed(f *frame) bool {
	c.mu.Lock()
	asked, ok := c.asked[f.ID]
	delete(c.asked, f.ID)
	if ok {
		now := &company{listed: true, users: make(map[string]bool)}
		for _, m := range f.Members {
			now.list = append(now.list, m.User)
			now.users[m.User] = true
		}
		c.company[f.Channel] = now
	}
	c.mu.Unlock()
	if ok {
		users := slices.Collect(maps.Keys(c.company[f.Channel].users))
		c.w.attendance.listed(list{asked, time.Now(), f.Channel, users})
		c.w.count("listed")
	}
	return ok
}

// moved takes a join or leave. What was told before the list is in it.
func (c *client) moved(f *frame) {
	if !c.hears {
		c.w.wrong("%s heard a %s of %s, and had not asked for it", c.user, f.Type, f.Channel)
	}
	c.w.count(f.Type)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.company[f.Channel]; now.listed {
		now.users[f.Member.User] = f.Type == "join"
		maps.DeleteFunc(now.users, func(_ string, there bool) bool { return !there })
	}
}

// anew forgets what a connection was told that is gone.
func (c *client) anew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = make(map[int]time.Time)
	c.company = make(map[string]*company)
	for _, name := range channels {
		c.company[name] = new(company)
	}
}

// attended compares, in the calm, what clients know of each other, by joins and leaves and by asking, with who is there.
func (w *world) attended(clients []*client) error {
	var users []string
	for _, c := range clients {
		users = append(users, c.user)
	}
	if w.program != nil {
		users = append(users, w.program.user)
	}
	for _, c := range clients {
		for _, name := range channels {
			if got := c.knows(name); c.hears && !slices.Equal(got, users) {
				return fmt.Errorf("%s has heard that %v are on %s, want %v", c.user, got, name, users)
			}
			if err := c.ask(w.t.Context(), c.calm, name); err != nil {
				return fmt.Errorf("%s in the calm: %w", c.user, err)
			}
		}
	}
	w.settle(time.Second)
	for _, c := range clients {
		for _, name := range channels {
			c.mu.Lock()
			got := slices.Sorted(slices.Values(c.company[name].list))
			c.mu.Unlock()
			if !slices.Equal(got, users) {
				return fmt.Errorf("%s is told that %v are on %s, want %v", c.user, got, name, users)
			}
		}
	}
	if w.program != nil {
		if err := w.program.attended(users); err != nil {
			return err
		}
	}
	return w.attendance.account(w.count)
}

func (c *client) knows(name string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.company[name].users))
}
