package limit_test

import (
	"fmt"
	"testing"
	"time"

	"portcullis/internal/limit"
	"portcullis/internal/tenant"
)

func TestTheStormOfOneTenantHidesNoLineOfAnother(t *testing.T) {
	acme, globex, gone := tenant.MustParse("acme"), tenant.MustParse("globex"), tenant.MustParse("gone")
	l := limit.NewTenantLines[string](5, func(id tenant.ID) bool { return id != gone })
	written := func(now time.Time, id tenant.ID, kind string, n int) (lines int, told int64) {
		for range n {
			if suppressed, ok := l.Next(now, id, kind); ok {
				lines++
				told += suppressed
			}
		}
		return lines, told
	}
	for _, tt := range []struct {
		name  string
		at    time.Duration
		id    tenant.ID
		kind  string
		n     int
		lines int
		told  int64
	}{
		{"a storm", 0, acme, "denied", 1000, 10, 0},
		{"another kind of the same tenant", 0, acme, "expired", 3, 3, 0},
		{"another tenant", 0, globex, "denied", 3, 3, 0},
		{"nobody who was believed", 0, tenant.ID{}, "denied", 6, 6, 0},
		{"a tenant that was removed has no lines of its own", 0, gone, "denied", 6, 4, 0},
		{"what was not written is told, to whom it concerns", time.Second, acme, "denied", 1, 1, 990},
		{"and once", time.Second, acme, "denied", 1, 1, 0},
		{"nothing of it to others", time.Second, globex, "denied", 1, 1, 0},
	} {
		if lines, told := written(noon.Add(tt.at), tt.id, tt.kind, tt.n); lines != tt.lines || told != tt.told {
			t.Errorf("%s: got %d lines and %d told of, want %d and %d", tt.name, lines, told, tt.lines, tt.told)
		}
	}
}

func TestLinesOfTenantsThatAreQuietOrGoneAreForgotten(t *testing.T) {
	there := true
	l := limit.NewTenantLines[string](5, func(tenant.ID) bool { return there })
	at := noon
	for i := range 100_000 { // each says one thing, one after the other
		l.Next(at, tenant.MustParse(fmt.Sprint("t", i)), "x")
		at = at.Add(10 * time.Millisecond)
	}
	if got := l.Len(); got > 200 {
		t.Errorf("of 100000 tenants who said one thing %d are remembered, want those of the last moment", got)
	}
	for i := range 1000 { // each has more to say than it may, which is to be told
		for range 20 {
			l.Next(at, tenant.MustParse(fmt.Sprint("t", i)), "x")
		}
	}
	at = at.Add(time.Hour)
	there = false
	for i := range 10_000 {
		l.Next(at, tenant.MustParse(fmt.Sprint("u", i)), "x")
	}
	there = true
	for i := range 2000 {
		l.Next(at, tenant.MustParse(fmt.Sprint("v", i)), "x")
		at = at.Add(time.Second)
	}
	if got := l.Len(); got > 4000 {
		t.Errorf("%d are remembered, want fewer than were ever there", got)
	}
}
