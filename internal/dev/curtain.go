package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
)

// curtain hides the gateway's log while the story is played: its lines would stand between those of the story. They go into a file, which is shown when
// the story fails; warnings are shown all the same. Raised, it shows everything and writes nothing into the file.
type curtain struct {
	hidden, shown slog.Handler
	raised        *atomic.Bool
	file          *os.File
}

func newCurtain(dir string, log *slog.Logger) (*curtain, error) {
	f, err := os.OpenFile(filepath.Join(dir, "story.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of the story: %w", err)
	}
	c := &curtain{hidden: slog.NewTextHandler(f, nil), shown: slog.DiscardHandler, raised: new(atomic.Bool), file: f}
	if log != nil {
		c.shown = log.Handler()
	}
	return c, nil
}

func (c *curtain) raise() { c.raised.Store(true) }

func (c *curtain) close() error { return c.file.Close() }

// told copies to w what the file holds.
func (c *curtain) told(w io.Writer) error {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, c.file)
	return err
}

// Enabled implements [slog.Handler].
func (c *curtain) Enabled(ctx context.Context, l slog.Level) bool {
	return c.shown.Enabled(ctx, l) || !c.raised.Load() && c.hidden.Enabled(ctx, l)
}

// Handle implements [slog.Handler].
func (c *curtain) Handle(ctx context.Context, r slog.Record) (err error) {
	raised := c.raised.Load()
	if !raised && c.hidden.Enabled(ctx, r.Level) {
		err = c.hidden.Handle(ctx, r.Clone())
	}
	if (raised || r.Level >= slog.LevelWarn) && c.shown.Enabled(ctx, r.Level) {
		err = errors.Join(err, c.shown.Handle(ctx, r))
	}
	return err
}

// WithAttrs implements [slog.Handler].
func (c *curtain) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &curtain{c.hidden.WithAttrs(attrs), c.shown.WithAttrs(attrs), c.raised, c.file}
}

// WithGroup implements [slog.Handler].
func (c *curtain) WithGroup(name string) slog.Handler {
	return &curtain{c.hidden.WithGroup(name), c.shown.WithGroup(name), c.raised, c.file}
}
