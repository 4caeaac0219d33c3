package wire

import (
	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/message"
)

// Parcel is whole frames of a channel, for one subscriber or for many. Nobody changes what was handed over.
type Parcel struct {
	Frames   []byte
	Messages int
	Shared   *limit.Shared // stands for Frames where others refer to them too

	// Of messages, so that it can be told which are missing. Stays is of anything else: it is not dropped.
	First, Last message.Position // zero on channels without history
	Previous    uint64           // the offset before First, 0 where it is not known
	Tail        int              // where the frame of the last message begins
	Stays       bool
}

// Lane is one subscription, to whoever queues for its subscriber. Its methods must not wait.
type Lane interface {
	// Slow says what becomes of its messages when there is no room for them.
	Slow() channel.SlowReader
	// AppendGap encodes what was dropped.
	AppendGap(dst []byte, g *Gap) []byte
	// Dropped counts messages that do not come; again says that they made a gap larger that was not sent yet.
	Dropped(messages int, again bool)
}

// Cover makes the gap as large that everything of the parcel is missing, or all but its last message.
func (g *Gap) Cover(p *Parcel, butLast bool) {
	before := p.Last.Offset + 1
	if butLast {
		before--
	}
	switch {
	case p.Last.Epoch == "":
		*g = Gap{}
	case g.Before == 0 || g.Epoch == "":
		*g = Gap{After: p.Previous, Before: before, Epoch: p.Last.Epoch}
		if g.After == 0 {
			g.After = p.First.Offset - 1
		}
		if p.First.Epoch != p.Last.Epoch {
			g.After = 0
		}
	case g.Epoch != p.Last.Epoch:
		*g = Gap{Before: before, Epoch: p.Last.Epoch}
	default:
		g.Before = before
	}
	g.Reason = Slow
}
