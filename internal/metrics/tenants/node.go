package tenants

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"portcullis/internal/limit"
)

// lookAtNode compares what the outboxes of all tenants hold with what they may. The caller holds mu.
func (r *Register) lookAtNode(now time.Time) {
	held, most := r.config.Outboxes.Held(), r.config.Outboxes.Most()
	r.config.Observer.Outboxes(held, most)
	if !r.outboxes.look(int(held), int(most)) || now.Sub(r.outboxes.told) < quiet {
		return
	}
	var first *entry
	for _, e := range r.known {
		if first == nil || e.Account.Queued() > first.Account.Queued() {
			first = e
		}
	}
	if first != nil {
		r.outboxes.told = now
		r.tellOfNode(now, "the outboxes of the node come near their limit", "node.limit_near", first, held)
	}
}

// tellOfNode tells of the outboxes of all tenants, and of the one that pays for them or would be the first.
func (r *Register) tellOfNode(now time.Time, text, event string, e *entry, held int64, said ...slog.Attr) {
	suppressed, ok := r.lines.Next(now)
	if !ok {
		return
	}
	said = append([]slog.Attr{slog.String("event", event), slog.String("tenant", e.ID.String()), slog.String("limit", limit.OutboxPerNode.String())}, said...)
	said = append(said, slog.Int64("used", held), slog.Int64("most", r.config.Outboxes.Most()), slog.Int("used_by_tenant", e.Account.Queued()), slog.Int64("suppressed", suppressed),
		slog.String("remedy", fmt.Sprintf("if there is memory, raise limits.outbox_per_node of the main file and restart; if this tenant should hold less, lower limits.outbox of the tenant; "+
			"portcullis connections list %s says who is there", e.ID)))
	r.config.Log.LogAttrs(context.Background(), slog.LevelWarn, text, said...)
}
