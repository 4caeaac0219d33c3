package webhook

import (
	"context"
	"time"

	"portcullis/internal/webhook/courier"
)

// lossOf says why a batch is not sent again, empty where it is.
func lossOf(r courier.Result) Loss {
	switch r {
	case courier.Redirected, courier.Denied:
		return Refused
	case courier.Ended:
		return Gone
	}
	return ""
}

// post sends a batch once.
func (h *hook) post(ctx context.Context, c *courier.Courier, b *batch) courier.Answer {
	begin := time.Now()
	h.observer.UnderWay(1)
	a := c.Bring(ctx, b.id, h.body(b))
	h.observer.UnderWay(-1)
	h.observer.Requested(a.Result, time.Since(begin))
	return a
}

// body is a batch as it is sent. It is the same each time.
func (h *hook) body(b *batch) []byte {
	body := make([]byte, 0, len(b.body)+512)
	body = append(body, '[')
	if b.lost.count > 0 {
		if body = append(body, h.marker(b)...); b.events > 0 {
			body = append(body, ',')
		}
	}
	return append(append(body, b.body...), ']')
}
