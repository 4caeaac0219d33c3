package limit

import (
	"sync/atomic"
	"time"
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
