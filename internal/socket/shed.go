package socket

import (
	"slices"

	"portcullis/internal/channel"
	"portcullis/internal/wire"
)

// What is dropped of a channel leaves a gap in its place: an entry that grows while it has not been taken, and holds no room of messages'. A subscription has one of them for each thing of its own that may not be
// dropped and lies between.

// waits reports whether something of a subscription that may be dropped is in.
func (o *outbox) waits(lane wire.Lane) bool {
	return slices.ContainsFunc(o.entries, func(e entry) bool { return e.lane == lane && e.way() != channel.Disconnect })
}

// droppable reports whether anything is.
func (o *outbox) droppable() bool {
	return slices.ContainsFunc(o.entries, func(e entry) bool { return e.way() != channel.Disconnect })
}

// conflate drops what waits of an entry's subscription, and of the entry all but its last message.
func (o *outbox) conflate(e *entry) {
	o.shed(e.lane, func() bool { return false })
	if e.messages > 1 {
		o.miss(*e, true)
		p := e.parcel
		p = &wire.Parcel{Frames: p.Frames[p.Tail:], Messages: 1, Shared: p.Shared, First: p.Last, Last: p.Last}
		e.frames, e.messages, e.parcel = p.Frames, 1, p
	}
}

// shed drops messages of one subscription, or, where lane is nil, of all whose channels drop them, the oldest first, until there is enough room.
func (o *outbox) shed(lane wire.Lane, enough func() bool) {
	all, kept := o.entries, o.entries[:0]
	last := make(map[wire.Lane]int) // where in kept the last entry of a subscription is
	var grown []int
	n := 0
	for ; n < len(all) && !enough(); n++ {
		e := all[n]
		if e.lane == nil || lane != nil && e.lane != lane {
			kept = append(kept, e)
			continue
		}
		if e.way() == channel.Disconnect {
			last[e.lane] = len(kept)
			kept = append(kept, e)
			continue
		}
		o.uncount(&e)
		at, again := last[e.lane]
		if again = again && kept[at].gap != nil; !again {
			at = len(kept)
			last[e.lane] = at
			kept = append(kept, entry{lane: e.lane, gap: new(wire.Gap)})
			o.count(&kept[at])
		}
		kept[at].gap.Cover(e.parcel, false)
		e.lane.Dropped(e.messages, again)
		grown = append(grown, at)
	}
	kept = append(kept, all[n:]...)
	clear(all[len(kept):])
	o.entries = kept
	for _, at := range slices.Compact(grown) {
		o.word(&o.entries[at])
	}
}

// miss puts a gap in the place of an entry that does not come in, or of all but its last message.
func (o *outbox) miss(e entry, butLast bool) {
	missing := e.messages
	if butLast {
		missing--
	}
	at := -1
	for i := len(o.entries) - 1; i >= 0 && at < 0; i-- {
		if o.entries[i].lane == e.lane {
			at = i
		}
	}
	again := at >= 0 && o.entries[at].gap != nil
	if !again {
		at = len(o.entries)
		o.put(entry{lane: e.lane, gap: new(wire.Gap)})
	}
	o.entries[at].gap.Cover(e.parcel, butLast)
	o.word(&o.entries[at])
	e.lane.Dropped(missing, again)
}

// word writes the frame of a gap anew.
func (o *outbox) word(e *entry) {
	o.uncount(e)
	e.frames = e.lane.AppendGap(nil, e.gap)
	o.count(e)
}
