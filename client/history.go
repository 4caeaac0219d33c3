package client

import (
	"context"
	"iter"
)

// HistoryOptions say what [Client.History] reads.
type HistoryOptions struct {
	Since   Position // where to begin, exclusive; the zero one means the oldest message, or the newest in reverse
	Reverse bool     // the newest first
	Page    int      // how many messages one request asks for; 0 means 100, and the gateway gives at most 1,000
}

// History reads what a channel keeps, the oldest first unless the options say otherwise, page by page until the caller stops. It needs no feed of
// the channel. An error is the last that comes: an [*Error] with code unrecoverable where it cannot go on without a gap, because what it would read
// is not stored any more; not_available on a channel that keeps nothing; forbidden without the right to history.
func (k *Client) History(ctx context.Context, channel string, o HistoryOptions) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		r := request{Type: "history", Channel: channel, Limit: o.Page, Reverse: o.Reverse}
		at := o.Since
		for {
			if at != (Position{}) {
				since := at
				r.Since, r.Strict = &since, true
			}
			page, err := k.ask(ctx, r)
			if err != nil {
				yield(Message{}, err)
				return
			}
			for i := range page.Messages {
				if !yield(page.Messages[i].message(channel, page.Epoch), nil) {
					return
				}
			}
			next := Position{page.Offset, page.Epoch}
			if !page.More || next == at { // a page that leads nowhere is the last
				return
			}
			at = next
		}
	}
}
