package limit

import (
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/tenant"
)

// Lines bounds how many lines of one kind are written into a log, where somebody else decides how often there is something to say. What is not written is counted.
type Lines struct {
	rate       *Rate
	suppressed atomic.Int64
}

// NewLines returns a bound of perSecond lines.
func NewLines(perSecond int) *Lines { return &Lines{rate: NewRate(perSecond)} }

// Next reports whether a line may be written, and how many were not since the last one.
func (l *Lines) Next(now time.Time) (suppressed int64, ok bool) {
	if _, ok := l.rate.Take(now, 1); !ok {
		l.suppressed.Add(1)
		return 0, false
	}
	return l.suppressed.Swap(0), true
}

// TenantLines are lines of each tenant and kind, each with a bound of their own: what one tenant's clients make happen hides no line about another. What is of no
// tenant, because nobody was believed, is bounded together.
//
// It holds what was said lately, and what is still to be told of: at most one for each kind of each tenant that is configured.
type TenantLines[Kind comparable] struct {
	// Set by NewTenantLines, then read-only.
	perSecond int
	known     func(tenant.ID) bool

	// Guarded by mu.
	mu   sync.Mutex
	all  map[topic[Kind]]*Lines
	left int // of all, when it was last looked which of them say nothing
}

// topic is what lines are about.
type topic[Kind comparable] struct {
	tenant tenant.ID
	kind   Kind
}

// fewTopics are not worth a look.
const fewTopics = 64

// NewTenantLines returns a bound of perSecond lines of each kind for each tenant of which known is true, and as many for all else.
func NewTenantLines[Kind comparable](perSecond int, known func(tenant.ID) bool) *TenantLines[Kind] {
	return &TenantLines[Kind]{perSecond: perSecond, known: known, all: make(map[topic[Kind]]*Lines)}
}

// Next is [Lines.Next] for a line about a tenant; the zero ID is that of nobody who was believed.
func (l *TenantLines[Kind]) Next(now time.Time, id tenant.ID, kind Kind) (suppressed int64, ok bool) {
	if !id.IsZero() && !l.known(id) { // it was removed a moment ago
		id = tenant.ID{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	about := topic[Kind]{id, kind}
	lines := l.all[about]
	if lines == nil {
		if len(l.all) >= fewTopics+2*l.left {
			l.forget(now)
		}
		lines = NewLines(l.perSecond)
		l.all[about] = lines
	}
	return lines.Next(now)
}

// forget drops the lines of tenants that are gone, and those of which nothing was used lately and nothing is to be told. The caller holds mu.
func (l *TenantLines[Kind]) forget(now time.Time) {
	for about, lines := range l.all {
		quiet := lines.suppressed.Load() == 0 && lines.rate.full(now)
		if quiet || !about.tenant.IsZero() && !l.known(about.tenant) {
			delete(l.all, about)
		}
	}
	l.left = len(l.all)
}
