package limit_test

import (
	"fmt"
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

// What it costs to count bytes that wait, and to give them back, while another goroutine does the same: of the same tenant, and of another one on a node that is far from its ceiling or near it.
func BenchmarkHold(b *testing.B) {
	const much = 1 << 40
	far, near := limit.NewOutboxes(much), limit.NewOutboxes(much)
	full, _ := near.Tenant(limit.Limits{}).Enter("eve")
	full.Hold(much-much/16, nil)
	one := limit.NewTenant(limit.Limits{})
	for _, of := range []struct {
		name   string
		tenant func() *limit.Tenant
	}{
		{"two of one tenant", func() *limit.Tenant { return one }},
		{"each of its own tenant, without a node", func() *limit.Tenant { return limit.NewTenant(limit.Limits{}) }},
		{"each of its own tenant", func() *limit.Tenant { return far.Tenant(limit.Limits{}) }},
		{"each of its own tenant, near the ceiling", func() *limit.Tenant { return near.Tenant(limit.Limits{}) }},
	} {
		b.Run(of.name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				p, _ := of.tenant().Enter("ana")
				for pb.Next() {
					p.Hold(1000, nil)
					p.MakeRoom()
					p.Drop(1000, nil)
				}
			})
		})
	}
}

// What a message for one more client costs on a node that stays at its ceiling, where very many tenants hold something and the attacker has tens of thousands of clients; and where there is room.
func BenchmarkStormAtTheCeiling(b *testing.B) {
	b.Run("below it", func(b *testing.B) {
		tenant := limit.NewOutboxes(256 << 20).Tenant(limit.Limits{})
		for b.Loop() {
			p, _ := tenant.Enter("eve")
			p.OnEvict(nil, func(limit.Quota) {})
			p.Hold(4000, nil)
			p.MakeRoom()
			p.Drop(4000, nil)
			p.Leave()
		}
	})
	for _, tenants := range []int{10, 10_000} {
		b.Run(fmt.Sprint(tenants, " tenants"), func(b *testing.B) {
			node := limit.NewOutboxes(256 << 20)
			for range tenants {
				p, _ := node.Tenant(limit.Limits{}).Enter("ana")
				p.Hold(1000, nil)
				p.OnEvict(nil, func(limit.Quota) { b.Error("somebody else had to pay") })
			}
			attacker := node.Tenant(limit.Limits{})
			for b.Loop() {
				p, _ := attacker.Enter("eve")
				p.OnEvict(nil, func(limit.Quota) {
					p.Drop(4000, nil)
					p.Leave()
				})
				p.Hold(4000, nil)
				p.MakeRoom()
			}
		})
	}
}
