package client

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// mostAtOnce bounds a batch of requests where the tenant has no rate.
const mostAtOnce = 128

// tender is what the keeping goroutine does while one connection lasts: it asks for what the feeds need, and refreshes the credential.
type tender struct {
	client *Client
	conn   *Conn
	pause  time.Time // no batch before
	again  *time.Timer
	fresh  *refresher
}

// tend returns when the connection has ended.
func (k *Client) tend(conn *Conn) {
	t := &tender{client: k, conn: conn, again: time.NewTimer(0), fresh: newRefresher(k, conn)}
	defer t.again.Stop()
	defer t.fresh.stop()
	for {
		select {
		case <-conn.ending:
			return
		case <-k.wake:
			t.settle()
		case <-t.again.C:
			t.settle()
		case <-k.expiry:
			t.fresh.begin()
		case <-t.fresh.timer.C:
			t.fresh.begin()
		case r := <-t.fresh.result:
			t.fresh.take(r)
		}
	}
}

// settle subscribes and unsubscribes what is to be, batch by batch, and says when it wants to be called again.
func (t *tender) settle() {
	for t.conn.Err() == nil {
		now := time.Now()
		if t.pause.After(now) {
			t.again.Reset(t.pause.Sub(now))
			return
		}
		batch, wait := t.client.batch(now, t.pace())
		if len(batch) == 0 {
			if wait > 0 {
				t.again.Reset(wait)
			}
			return
		}
		t.ask(batch)
		if len(batch) == t.pace() {
			t.pause = time.Now().Add(time.Second) // more at once would be above the tenant's rate
		}
	}
}

// pace is how many requests a batch may have: a second's worth, half of what the gateway bears at once.
func (t *tender) pace() int {
	if rate := t.conn.welcome.Limits.MessagesPerSecondPerConnection; rate > 0 {
		return min(rate, t.client.most)
	}
	return t.client.most
}

// learn makes the batches smaller when the gateway ended a connection because it was asked too often: a user's rate is not told.
func (k *Client) learn(err error) {
	if end, ok := errors.AsType[*CloseError](err); ok && end.Code == 4103 {
		k.most = max(1, k.most/2)
	}
}

// batch collects feeds that have something to ask, in the order of their names. wait is when the next of the others has, 0 when none.
func (k *Client) batch(now time.Time, most int) (batch []*Feed, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.feeds {
		switch {
		case f.leaving && !f.on.asked && !f.on.chosen:
			k.drop(f, ErrUnsubscribed) // on this connection the gateway never heard of it
		case f.on.asked && !f.leaving:
		case f.next.After(now):
			if d := f.next.Sub(now); wait == 0 || d < wait {
				wait = d
			}
		default:
			batch = append(batch, f)
		}
	}
	slices.SortFunc(batch, func(a, b *Feed) int { return strings.Compare(a.channel, b.channel) })
	return batch[:min(len(batch), most)], wait
}

// ask sends a batch in as few frames as message_size allows, and waits for the answers.
func (t *tender) ask(batch []*Feed) {
	var calls []*call
	var text []byte
	for _, f := range batch {
		p, one, err := t.prepare(f)
		if err != nil {
			continue
		}
		if most := t.conn.welcome.Limits.MessageSize; most > 0 && len(text) > 0 && len(text)+1+len(one) > most {
			if t.conn.hand(t.conn.life, text) != nil {
				return
			}
			text = nil
		}
		if len(text) > 0 {
			text = append(text, '\n')
		}
		text = append(text, one...)
		calls = append(calls, p)
	}
	if len(text) == 0 || t.conn.hand(t.conn.life, text) != nil {
		return
	}
	for _, p := range calls {
		if _, answered := t.conn.wait(context.Background(), p); !answered {
			return // the connection ended
		}
	}
}

// prepare writes a feed's request. One that cannot be written is a feed that ends: no connection would take it.
func (t *tender) prepare(f *Feed) (*call, []byte, error) {
	k := t.client
	k.mu.Lock()
	r, answered := f.subscribing(), k.subscribed
	if f.leaving {
		r, answered = request{Type: "unsubscribe", Channel: f.channel}, k.left
	}
	f.on.asked = true
	k.mu.Unlock()
	p, text, err := t.conn.prepare(r, func(answer *frame) { answered(f, answer) })
	if err != nil && t.conn.Err() == nil {
		k.mu.Lock()
		k.drop(f, err)
		k.mu.Unlock()
	}
	return p, text, err
}
