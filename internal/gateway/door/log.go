package door

import (
	"context"
	"log/slog"
	"time"

	"portcullis/internal/wire"
)

// log writes a refusal's one line, unless strangers make the gateway write more lines than anybody reads.
func (d *Door) log(ctx context.Context, remote string, a *Attempt, code wire.Code) {
	suppressed, ok := d.lines.Next(time.Now())
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

// linesPerSecond is more than anybody reads and less than a disk minds.
const linesPerSecond = 50
