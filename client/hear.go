package client

import "time"

// What stands here is called by the reading goroutine of the connection, frame by frame; of two connections it is never called at the same time.

// heard serves what the gateway says unasked.
func (k *Client) heard(f *frame) {
	switch f.Type {
	case "expiring":
		signal(k.expiry)
		return
	case "subscribed":
		k.chosen(f)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	feed := k.feeds[f.Channel]
	if feed == nil {
		return
	}
	if !feed.on.live {
		if f.Type == "unsubscribed" {
			k.unchosen(feed, f)
		}
		return
	}
	switch f.Type {
	case "message":
		feed.message(f)
	case "gap":
		feed.gap(f)
	case "join", "leave", "join_leave":
		feed.presence(f)
	case "unsubscribed":
		if !feed.leaving { // else the answer to leaving is still to come
			k.drop(feed, f.fault())
		}
	}
}

// message delivers a message, unless it was delivered before.
func (f *Feed) message(said *frame) {
	if said.Offset > 0 && f.at.Epoch != "" {
		if said.Offset <= f.at.Offset {
			return
		}
		f.at.Offset = said.Offset
	}
	m := said.message(f.channel, f.at.Epoch)
	f.queue.put(event{message: &m})
}

// gap moves the feed on to where the gateway does.
func (f *Feed) gap(said *frame) {
	if said.Epoch != "" && said.Epoch != f.at.Epoch {
		f.at = Position{Epoch: said.Epoch}
	}
	if said.Before > 0 {
		f.at.Offset = max(f.at.Offset, said.Before-1)
	}
	f.queue.put(event{gap: &Gap{After: said.After, Before: said.Before, Epoch: said.Epoch, Reason: said.Reason}})
}

// subscribing is the request for a feed's channel, from where the feed stands. The caller holds the client's mu.
func (f *Feed) subscribing() request {
	r := request{Type: "subscribe", Channel: f.channel, JoinLeave: f.options.OnPresence != nil}
	if f.at != (Position{}) || f.on.instead {
		since := f.at
		r.Since, r.Strict = &since, f.options.Strict && f.at != (Position{})
	}
	return r
}

// subscribed takes the answer to subscribing, before anything of the channel that comes behind it.
func (k *Client) subscribed(f *Feed, answer *frame) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.feeds[f.channel] != f {
		return
	}
	if answer.Type != "ok" {
		k.refused(f, answer)
		return
	}
	f.begin(answer)
}

// begin lets what comes be delivered, from where an answer says.
func (f *Feed) begin(answer *frame) {
	f.resume(answer)
	f.on.asked, f.on.live, f.failures = true, true, 0
	if f.options.OnPresence != nil {
		f.queue.put(event{presence: &PresenceEvent{Kind: Anew}})
	}
	if !f.begun {
		f.begun = true
		close(f.ready)
	}
}

// refused ends a feed, or has it ask again.
func (k *Client) refused(f *Feed, answer *frame) {
	if f.leaving {
		k.drop(f, answer.fault())
		return
	}
	again := answer.RetryMS > 0
	switch answer.Code {
	case "unavailable", "internal", "rate_limited":
		again = true
	case "quota_exceeded":
		again = f.begun // the connection before may count until the gateway misses it
	case "already_subscribed":
		if !f.on.instead { // the gateway was first, by itself
			f.on = onConnection{chosen: true, instead: true}
			k.poke()
			return
		}
	}
	if !again {
		k.drop(f, answer.fault())
		return
	}
	f.on.asked, f.next = false, time.Now().Add(milliseconds(answer.RetryMS)+spread(f.failures, k.config.LongestPause))
	f.failures++
}

// resume finds out whether the feed continues where it was, and tells a gap where it does not.
func (f *Feed) resume(ok *frame) {
	was, now := f.at, Position{ok.Offset, ok.Epoch}
	if was != (Position{}) && ok.Recovered != nil && *ok.Recovered {
		f.at.Epoch = ok.Epoch
		return
	}
	f.at = now
	if !f.begun && was == (Position{}) {
		f.queue.begin(now)
		return
	}
	g := &Gap{After: was.Offset, Epoch: was.Epoch, Reason: ok.Reason}
	if g.Reason == "" {
		g.Reason = "no_history"
	}
	if now.Epoch != "" {
		g.through(Position{now.Offset + 1, now.Epoch})
	}
	f.queue.put(event{gap: g})
}

// left takes the answer to unsubscribing.
func (k *Client) left(f *Feed, answer *frame) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if answer.Type == "error" && answer.RetryMS > 0 {
		f.next = time.Now().Add(milliseconds(answer.RetryMS))
		return
	}
	k.drop(f, ErrUnsubscribed) // with not_subscribed the gateway was first
}

// leave ends f for this client at once; for the gateway the keeping goroutine does.
func (k *Client) leave(f *Feed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.leaving || k.feeds[f.channel] != f {
		return
	}
	f.leaving = true
	f.next = time.Time{}
	f.queue.end(ErrUnsubscribed, true)
	if k.conn == nil {
		k.drop(f, ErrUnsubscribed)
		return
	}
	k.poke()
}

// drop gives the place of a feed back. The caller holds mu.
func (k *Client) drop(f *Feed, err error) {
	if k.feeds[f.channel] == f {
		delete(k.feeds, f.channel)
		f.err = err
		f.queue.end(err, false)
		close(f.gone)
	}
}

// dropLeaving drops what no connection holds any more. The caller holds mu.
func (k *Client) dropLeaving() {
	for _, f := range k.feeds {
		if f.leaving {
			k.drop(f, ErrUnsubscribed)
		}
	}
}

// poke has the keeping goroutine look at the feeds.
func (k *Client) poke() { signal(k.wake) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
