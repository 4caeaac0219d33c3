package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"portcullis/client"
)

const (
	standup = "room:standup"
	// backBy bounds the pauses between ben's attempts to come back.
	backBy = 20 * time.Millisecond
)

// recovered has ben's connection break, ana publish what he cannot hear, and ben come back for it.
func (s *stage) recovered(ctx context.Context) string {
	ctx, miss := context.WithCancelCause(ctx)
	defer miss(nil)
	way := new(line)
	options := s.options(s.cast.Ben)
	options.DialContext = way.dial
	ben, err := client.Connect(client.Config{
		Options:      options,
		LongestPause: backBy,
		OnState:      s.arrivals(miss),
	})
	if err != nil {
		return said(err)
	}
	defer ben.Close()
	feed, err := ben.Subscribe(ctx, standup, client.FeedOptions{
		OnGap: func(g client.Gap) { miss(fmt.Errorf("a gap: %s", g.Reason)) },
	})
	if err != nil {
		return said(why(ctx, err))
	}
	before := ben.State().Welcome.Connection
	way.cut()
	words := []string{"one", "two", "three"}
	for _, word := range words {
		if err := s.publish(ctx, s.cast.Ana, standup, word); err != nil {
			return said(why(ctx, err))
		}
	}
	way.mend()
	for i := range words {
		m, err := feed.Next(ctx)
		if err != nil {
			return said(why(ctx, err))
		}
		words[i] = text(m.Data)
	}
	if ben.State().Welcome.Connection == before {
		return "ben was never away"
	}
	return "recovered " + strings.Join(words, " ")
}

// arrivals counts the connections of a client, and ends what waits for one that will not come.
func (s *stage) arrivals(miss context.CancelCauseFunc) func(client.State) {
	return func(now client.State) {
		switch now.Phase {
		case client.Connected:
			s.count(admissions)
		case client.Waiting:
			if _, lost := errors.AsType[*client.CloseError](now.Err); !lost && !errors.Is(now.Err, errDown) {
				miss(now.Err)
			}
		}
	}
}

// why is what ended a context, where something did.
func why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
