package metrics_test

import (
	"testing"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/metrics"
	"portcullis/internal/wire"
)

// batch is so many messages, delivered three milliseconds after they came, with 100 bytes on the wire to each of so many recipients.
func batch(messages, recipients int) *hub.Batch {
	done := time.Now()
	b := &hub.Batch{Recipients: recipients, Bytes: 100 * messages * recipients, Done: done}
	for range messages {
		b.Messages = append(b.Messages, &message.Message{Time: done.Add(-3 * time.Millisecond)})
	}
	return b
}

// hot is what happens for each request, decision or batch.
func hot(m *metrics.Metrics) map[string]func() {
	h, s, g, l := m.Hub(), m.Sessions(), m.Gateway(), m.Lobby()
	one, many := batch(1, 1000), batch(256, 5)
	allow := acl.Decision{Allowed: true, Rule: "members talk in rooms", Basis: acl.ExplicitAllow}
	return map[string]func(){
		"Decided":      func() { h.Decided(acl.Publish, allow) },
		"Delivered1":   func() { h.Delivered(one) },
		"Delivered256": func() { h.Delivered(many) },
		"Received":     func() { s.Received(wire.Publish, 128) },
		"Sent":         func() { s.Sent("ok", 40) },
		"Refused":      func() { s.Refused(wire.Publish, wire.Forbidden) },
		"Waiting":      func() { l.Waiting(1) },
		"TurnedAway":   func() { l.TurnedAway(limit.LobbyFull) },
		"Handshake":    func() { g.Answered(attempt(door.Accepted, time.Millisecond)) },
		"Rejected":     func() { g.Answered(attempt(auth.BadSignature, time.Millisecond)) },
	}
}

func TestHotPathsAllocateNothing(t *testing.T) {
	for name, call := range hot(newMetrics()) {
		if got := testing.AllocsPerRun(100, call); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, got)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for name, call := range hot(newMetrics()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}
