package tenants

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"portcullis/internal/limit"
)

const (
	// From so many percent of a limit on a tenant is near it. It is told of again once it was below calmBelow in between.
	nearFrom, calmBelow = 80, 70
	// quiet is how long nothing is told of a limit that was told of, and how long it must not have been met to be told of again.
	quiet = time.Minute
	// averaged is about how long a rate is looked at: a client that catches up for a moment is no cause.
	averaged = 3 * time.Second
	// linesPerSecond bounds the lines of all tenants together. Each alone comes to fewer than one in three seconds: none can use up what there is for the others.
	linesPerSecond = 50
)

// nearness is how far a tenant is from one of its limits.
type nearness struct {
	taken int     // of a rate, ever
	mean  float64 // of a rate, in a second
	near  bool
	told  time.Time
}

// meeting is how often a tenant has met one of its limits.
type meeting struct {
	refused uint64
	last    time.Time
}

// look compares what every tenant uses with what it may. The last look was so long ago.
func (r *Register) look(now time.Time, ago time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow(now)
	var near [len(limit.Whole)]int
	for _, e := range r.known {
		limits := e.Account.Limits()
		for i, q := range limit.Whole {
			if q.Rated() {
				e.near[i].average(e.Account.Used(q), ago)
			}
			used, most := e.used(i), limits.Most(q)
			if e.near[i].look(used, most) && now.Sub(e.near[i].told) >= quiet {
				e.near[i].told = now
				r.tell(now, "a tenant comes near a limit", "tenant.limit_near", e, q, slog.Int("used", used))
			}
			if percent(used, most) >= nearFrom {
				near[i]++
			}
		}
		r.meet(e, now)
	}
	for i, n := range near {
		r.config.Observer.Near(limit.Whole[i], n)
	}
	r.lookAtNode(now)
}

// average takes what was ever taken of a rate into its mean. It begins again where the limit was given anew.
func (n *nearness) average(taken int, ago time.Duration) {
	if taken < n.taken {
		n.taken = 0
	}
	rate := float64(taken-n.taken) / max(ago.Seconds(), 1e-3)
	n.taken = taken
	n.mean += (rate - n.mean) * min(1, ago.Seconds()/averaged.Seconds())
}

// look reports whether the limit has come near since it was far.
func (n *nearness) look(used, most int) bool {
	was, part := n.near, percent(used, most)
	n.near = part >= nearFrom || was && part >= calmBelow
	return n.near && !was
}

func percent(used, most int) float64 {
	if most == limit.Unlimited {
		return 0
	}
	return float64(used) / float64(most) * 100
}

// meet tells how often a tenant has met its limits since it was looked at last.
func (r *Register) meet(e *entry, now time.Time) {
	refused := e.Account.Counts().Read().Refused
	for i, q := range limit.Quotas {
		m := &e.met[i]
		n := refused[q] - m.refused
		if n == 0 {
			continue
		}
		r.config.Observer.Met(q, n)
		first := now.Sub(m.last) >= quiet
		m.refused, m.last = refused[q], now
		if !first {
			continue
		}
		said := []slog.Attr{slog.Uint64("refused", n)}
		if q == limit.OutboxPerNode {
			r.tellOfNode(now, "slow readers of a tenant were closed for the node", "node.limit_reached", e, r.config.Outboxes.Held(), said...)
			continue
		}
		if i := slices.Index(limit.Whole[:], q); i >= 0 {
			said = append(said, slog.Int("used", e.used(i)))
		}
		r.tell(now, "a tenant has reached a limit", "tenant.limit_reached", e, q, said...)
	}
}

// used is how much is used now of the i-th quota of limit.Whole.
func (e *entry) used(i int) int {
	if q := limit.Whole[i]; !q.Rated() {
		return e.Account.Used(q)
	}
	return int(math.Round(e.near[i].mean))
}

func (r *Register) tell(now time.Time, text, event string, e *entry, q limit.Quota, said ...slog.Attr) {
	suppressed, ok := r.lines.Next(now)
	if !ok {
		return
	}
	limits := e.Account.Limits()
	said = append([]slog.Attr{slog.String("event", event), slog.String("tenant", e.ID.String()), slog.String("limit", q.String())}, said...)
	said = append(said, slog.Int("most", limits.Most(q)), slog.Int64("suppressed", suppressed), slog.String("remedy", fmt.Sprintf(
		"if this use is wanted, raise limits.%s of the tenant; portcullis connections list %s says who is there", q, e.ID)))
	r.config.Log.LogAttrs(context.Background(), slog.LevelWarn, text, said...)
}
