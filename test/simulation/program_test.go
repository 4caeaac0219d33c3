package simulation_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	library "portcullis/client"
)

// program is a user whose connections the Go client makes. What it hears and is told it keeps as other clients do.
type program struct {
	*client
	lib    *library.Client
	ctx    context.Context
	stop   context.CancelFunc
	living sync.WaitGroup

	// Guarded by the client's mu.
	among map[string]map[string]bool // who is on each channel, by joins and leaves and by asking
}

func startProgram(w *world) (*program, error) {
	p := &program{client: newClient(w, 9), among: make(map[string]map[string]bool)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	var err error
	p.lib, err = library.Connect(library.Config{Options: library.Options{
		URL: "ws://localhost", Header: http.Header{"User": {p.user}}, DialContext: w.dial,
		Token: func(context.Context) (string, error) { return "any", nil },
	}})
	if err != nil {
		return nil, err
	}
	for _, name := range channels {
		p.living.Go(func() { p.read(name) })
	}
	p.living.Go(p.speak)
	return p, nil
}

// end ends it; nil is none.
func (p *program) end() {
	if p == nil {
		return
	}
	p.stop()
	p.living.Wait()
	p.lib.Close()
}

// read takes what comes of one channel, and does something else now and then.
func (p *program) read(name string) {
	on := p.feeds[name]
	feed, err := p.lib.Subscribe(p.ctx, name, library.FeedOptions{
		OnGap:      func(g library.Gap) { p.missed(on, name, g) },
		OnPresence: func(e library.PresenceEvent) { p.met(name, e) },
	})
	if err != nil {
		p.w.wrong("%s cannot subscribe to %s: %v", p.user, name, err)
		return
	}
	for {
		m, err := feed.Next(p.ctx)
		if err != nil {
			if p.ctx.Err() == nil {
				p.w.wrong("%s hears %s no more: %v", p.user, name, err)
			}
			return
		}
		switch {
		case !on.begun:
			on.begin(m.Epoch, m.Offset-1)
		case m.Epoch != on.epoch || m.Offset <= on.at:
			p.w.wrong("%s heard %v of %s behind %d of %s", p.user, m.Position, name, on.at, on.epoch)
		}
		on.message(m.Offset, string(m.Data))
		p.w.count("heard by a program")
		if !p.w.calm.Load() && p.w.roll(400) == 0 {
			time.Sleep(time.Duration(p.w.roll(90_000)) * time.Millisecond)
		}
	}
}

func (p *program) missed(on *feed, name string, g library.Gap) {
	p.w.count("told to a program: " + g.Reason)
	if !on.begun {
		on.begin(g.Epoch, max(g.Before, 1)-1)
		return
	}
	p.gap(on, name, g.Epoch, g.After, g.Before)
}

// met is somebody who comes or goes, or word that what was known is old.
func (p *program) met(name string, e library.PresenceEvent) {
	p.w.count("told to a program: " + string(e.Kind))
	var there map[string]bool
	if e.Kind == library.Anew {
		there = p.present(name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case library.Anew:
		p.among[name] = there
	case library.Joined:
		p.among[name][e.Member.User] = true
	case library.Left:
		delete(p.among[name], e.Member.User)
	default:
		p.w.wrong("%s was told %v of %s", p.user, e, name)
	}
}

// present asks who is on a channel.
func (p *program) present(name string) map[string]bool {
	there := make(map[string]bool)
	asked := time.Now()
	answer, err := p.lib.Presence(p.ctx, name)
	if err != nil {
		if p.ctx.Err() == nil {
			p.w.wrong("%s cannot ask who is on %s: %v", p.user, name, err)
		}
		return there
	}
	for _, m := range answer.Members {
		there[m.User] = true
	}
	p.w.attendance.listed(list{asked, time.Now(), name, slices.Collect(maps.Keys(there))})
	return there
}

// speak publishes: the library repeats what was not answered.
func (p *program) speak() {
	for !p.w.calm.Load() && p.ctx.Err() == nil {
		text := fmt.Sprintf("%d %s", p.w.id(), strings.Repeat("x", p.w.length()))
		name := p.w.topic()
		if at, err := p.lib.Publish(p.ctx, name, text); err == nil {
			p.w.acknowledge(ack{name, brief(quoted(text)), place{at.Epoch, at.Offset}})
			p.w.count("published by a program")
		} else {
			p.w.count("not published by a program")
		}
		time.Sleep(p.w.pause())
	}
}

// attended compares, in the calm, what the program knows of others with who is there.
func (p *program) attended(users []string) error {
	for _, name := range channels {
		p.mu.Lock()
		heard := slices.Sorted(maps.Keys(p.among[name]))
		p.mu.Unlock()
		if !slices.Equal(heard, users) {
			return fmt.Errorf("%s has heard that %v are on %s, want %v", p.user, heard, name, users)
		}
		if got := slices.Sorted(maps.Keys(p.present(name))); !slices.Equal(got, users) {
			return fmt.Errorf("%s is told that %v are on %s, want %v", p.user, got, name, users)
		}
	}
	return nil
}
