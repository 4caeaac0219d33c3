package simulation_test

import (
	"fmt"
	"hash/crc32"
	"slices"
)

// brief is what is remembered of a text: some of them are large.
func brief(json string) string {
	return fmt.Sprintf("%.20s %d %08x", json, len(json), crc32.ChecksumIEEE([]byte(json)))
}

// quoted is a text as JSON, where all of it is printable.
func quoted(text string) string { return `"` + text + `"` }

// hear keeps a frame, and finds what may not be said.
func (c *client) hear(f *frame) {
	on := c.feeds[f.Channel]
	switch {
	case f.Type == "ok" && f.ID > 0 && f.ID <= len(channels):
		c.begun(on, f)
	case f.Type == "ok" && f.Expires > 0:
		c.w.count("refreshed")
	case f.Type == "ok":
		if !c.listed(f) {
			c.acknowledged(f)
		}
	case f.Type == "join" || f.Type == "leave":
		c.moved(f)
	case f.Type == "message":
		if f.Offset <= on.at {
			c.w.wrong("%s heard offset %d of %s behind %d", c.user, f.Offset, f.Channel, on.at)
		}
		on.message(f.Offset, quoted(f.Data))
		c.w.count("heard")
	case f.Type == "gap":
		c.gap(on, f.Channel, f.Epoch, f.After, f.Before)
		c.w.count("gap of " + f.Channel)
	case f.Type == "error":
		c.w.count("error " + f.Code)
	case f.Type == "join_leave":
		c.w.wrong("%s was told that joins and leaves of %s are not told, and there is no crowd", c.user, f.Channel)
	}
}

// message is what stands at an offset.
func (on *feed) message(offset uint64, json string) {
	if on.open {
		on.missing, on.open = append(on.missing, span{on.epoch, on.at, offset}), false
	}
	on.at = offset
	on.heard[place{on.epoch, offset}] = brief(json)
}

// begin notes what was before the first that is known.
func (on *feed) begin(epoch string, at uint64) {
	on.begun = true
	on.missing = append(on.missing, span{epoch, 0, at + 1})
	on.be(epoch, at)
}

// begun is a subscription that began, at a position.
func (c *client) begun(on *feed, f *frame) {
	switch {
	case !on.begun:
		on.begin(f.Epoch, f.Offset)
	case f.Recovered == nil:
		c.w.wrong("%s wanted to continue %s, and was told nothing", c.user, f.Channel)
	case *f.Recovered:
		c.w.count("recovered")
		if f.Epoch != on.epoch {
			c.w.wrong("%s continued %s of %s in %s", c.user, f.Channel, on.epoch, f.Epoch)
		}
	default:
		c.w.count("not recovered: " + f.Reason)
		if f.Epoch == on.epoch && c.w.continues(f.Channel, on.epoch, on.at) {
			c.w.wrong("%s did not continue %s from %d of %s (%s), and everything behind that is there", c.user, f.Channel, on.at, on.epoch, f.Reason)
		}
		on.lost(f.Epoch, 0, f.Offset+1)
	}
}

// gap is what a client is told that does not come.
func (c *client) gap(on *feed, name, epoch string, after, before uint64) {
	for at := range on.heard { // it may begin before the client did, where nothing was said: a channel's offsets are not without holes
		if after > 0 && epoch == at.epoch && at.offset > after && at.offset < before {
			c.w.wrong("%s was told of a gap of %s between %d and %d, and had heard %d", c.user, name, after, before, at.offset)
		}
	}
	if epoch == on.epoch && before > 0 && before <= on.at {
		c.w.wrong("%s was told of a gap of %s between %d and %d, and had everything up to %d", c.user, name, after, before, on.at)
	}
	on.lost(epoch, after, before)
	on.open = before == 0
}

// lost is everything between two offsets, of which the first may not be known, that did not come.
func (on *feed) lost(epoch string, after, before uint64) {
	if before == 0 {
		return
	}
	from := max(on.at, after)
	if epoch != on.epoch {
		on.missing = append(on.missing, span{on.epoch, on.at, forever})
		from = 0
	}
	on.missing = append(on.missing, span{epoch, from, before})
	on.be(epoch, before-1)
}

// be notes where the client is.
func (on *feed) be(epoch string, at uint64) {
	on.epoch, on.at = epoch, at
	on.epochs[epoch] = true
}

// acknowledged is a publication that the engine has, as it says.
func (c *client) acknowledged(f *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending
	if p == nil || p.id != f.ID {
		return
	}
	c.pending = nil
	c.w.acknowledge(ack{p.channel, brief(quoted(p.text)), place{f.Epoch, f.Offset}})
}

func (w *world) acknowledge(a ack) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acks = append(w.acks, a)
}

// account finds what a client neither heard nor was told of, and what it heard that nobody said.
func (c *client) account() error {
	for name, on := range c.feeds {
		all := c.w.said[name]
		if n := len(all); n > 0 && all[n-1].at.Epoch != on.epoch && slices.ContainsFunc(all, func(s saying) bool { return s.at.Epoch == on.epoch }) {
			return fmt.Errorf("%s is in epoch %s of %s, which is over", c.user, on.epoch, name)
		}
		said := make(map[place]string)
		for _, s := range all {
			at := place{s.at.Epoch, s.at.Offset}
			said[at] = s.text
			text, heard := on.heard[at]
			told := !on.epochs[at.epoch] // it was told of another, before it began or while it was away
			told = told || slices.ContainsFunc(on.missing, func(m span) bool { return m.epoch == at.epoch && at.offset > m.after && at.offset < m.before })
			if heard && text != s.text || !heard && !told {
				return fmt.Errorf("%s heard %.20q as %v of %s, want %.20s; it is at %d of %s, and was told that it has not %v", c.user, text, at, name, s.text, on.at, on.epoch, on.missing)
			}
		}
		for at, text := range on.heard {
			if said[at] == "" {
				return fmt.Errorf("%s heard %.20q as %v of %s, which nobody said", c.user, text, at, name)
			}
		}
	}
	return nil
}
