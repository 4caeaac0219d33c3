package limit_test

import (
	"testing"
	"time"

	"portcullis/internal/limit"
)

// What a message of a client costs: without a limit, with all of them, and beside another goroutine of the same tenant, and of another tenant.
func BenchmarkMessage(b *testing.B) {
	const much = 1_000_000_000
	all := limit.Limits{MessagesPerSecond: much, MessagesPerSecondPerUser: much, MessagesPerSecondPerConn: much, BytesPerSecond: much, BytesPerSecondPerConn: much}
	for name, l := range map[string]limit.Limits{"unlimited": {}, "limited": all} {
		b.Run(name, func(b *testing.B) {
			p, _ := limit.NewTenant(l).Enter("ana")
			now := time.Now()
			for b.Loop() {
				p.Message(now, 1)
			}
		})
	}
	one := limit.NewTenant(limit.Limits{})
	for name, of := range map[string]func() *limit.Tenant{
		"two of one tenant":      func() *limit.Tenant { return one },
		"each of its own tenant": func() *limit.Tenant { return limit.NewTenant(limit.Limits{}) },
	} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				p, _ := of().Enter("ana")
				now := time.Now()
				for pb.Next() {
					p.Message(now, 1)
				}
			})
		})
	}
}
