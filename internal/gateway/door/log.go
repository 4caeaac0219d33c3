package door

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

// log writes a refusal's one line, unless strangers make the gateway write more lines than anybody reads.
func (d *Door) log(ctx context.Context, remote string, a *Attempt, code wire.Code) {
	suppressed, ok := d.lines.next(time.Now())
	if !ok {
		return
	}
	level := slog.LevelInfo
	if a.Fault == ServerFault {
		level = slog.LevelWarn
	}
	d.config.Log.LogAttrs(ctx, level, string(a.Purpose)+" refused",
		slog.String("event", string(a.Purpose)+".refused"),
		slog.String(string(a.Purpose), a.Instance),
		slog.String("reason", string(a.Reason)),
		slog.String("detail", a.Err.Error()),
		slog.Int("status", code.Status()),
		slog.String("remote", remote),
		slog.String("address", AddressText(a.Address)),
		slog.Int64("suppressed", suppressed),
	)
}

// lines bounds how many refusals are written down. All are counted.
type lines struct {
	once       sync.Once
	rate       *limit.Rate
	suppressed atomic.Int64
}

// linesPerSecond is more than anybody reads and less than a disk minds.
const linesPerSecond = 50

// next reports whether a line may be written, and how many were not since the last one.
func (l *lines) next(now time.Time) (suppressed int64, ok bool) {
	l.once.Do(func() { l.rate = limit.NewRate(linesPerSecond) })
	if _, ok := l.rate.Take(now, 1); !ok {
		l.suppressed.Add(1)
		return 0, false
	}
	return l.suppressed.Swap(0), true
}
