package door

import (
	"context"
	"log/slog"
	"time"

	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// log writes a refusal's one line, unless somebody makes the gateway write more lines than anybody reads. Each tenant has lines of its own, and strangers have theirs.
func (d *Door) log(ctx context.Context, remote string, a *Attempt, code wire.Code) {
	var whose tenant.ID
	if a.Principal != nil {
		whose = a.Principal.Tenant
	}
	suppressed, ok := d.lines.Next(time.Now(), whose, struct{}{})
	if !ok {
		return
	}
	by := "unknown"
	if !whose.IsZero() {
		by = whose.String()
	}
	level := slog.LevelInfo
	if a.Fault == ServerFault {
		level = slog.LevelWarn
	}
	d.config.Log.LogAttrs(ctx, level, string(a.Purpose)+" refused",
		slog.String("event", string(a.Purpose)+".refused"),
		slog.String(string(a.Purpose), a.Instance),
		slog.String("tenant", by),
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
