package memory

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"portcullis/internal/broker/memory/journal"
)

// keepFrom is how long an entry must live to be kept on the disk. What is over sooner is over, or nearly, when a process has been started again: tickets
// are not worth a wait for the disk.
const keepFrom = time.Minute

// Options are what an engine may have.
type Options struct {
	// StateDir is a folder of the engine's own, in which it keeps the entries of its State that live a minute or longer, so that they outlive the process.
	// Put, Add and Take return once that is true, however long the disk takes. Without it nothing outlives the process.
	StateDir string

	Log *slog.Logger // needed with a folder
}

// durable is the part of a state that is on the disk.
type durable struct {
	// Set by newDurable, then read-only.
	folder string
	log    *slog.Logger

	// Guarded by the state's mu.
	pending map[string]*batch // the keys whose change is on its way to the disk: nobody looks at them until it has arrived
	forming *batch            // takes changes until its turn comes; nil where none waits

	// turn is held by whoever writes. It is taken before the state's mu.
	turn sync.Mutex

	// Guarded by turn.
	journal *journal.Journal // nil before open
	opened  bool
	ailing  bool // the last write failed
}

// batch are changes that share a write. The first who has one writes it, the others wait.
type batch struct {
	changes []journal.Change
	entries []*entry // what stands under their keys afterwards

	done chan struct{}
	err  error // set before done is closed
}

func newDurable(o Options) *durable {
	if o.StateDir == "" {
		return nil
	}
	return &durable{folder: o.StateDir, log: o.Log, pending: make(map[string]*batch)}
}

// open reads what was kept. Once is enough; after close it is an error.
func (s *state) open() error {
	d := s.durable
	if d == nil {
		return nil
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	if d.journal != nil {
		return nil
	}
	if d.opened {
		return errors.New("the engine's folder was closed when its last node ended; make a new engine")
	}
	j, found, err := journal.Open(d.folder, time.Now())
	if err != nil {
		return err
	}
	d.journal, d.opened = j, true
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range found.Live {
		s.add(&entry{key: c.Key, value: c.Value, expires: c.Expires, place: noPlace, kept: true})
	}
	if found.Torn > 0 {
		d.log.Warn("the last write of the process before was cut short; nobody was told that it was done", "event", "state.torn", "folder", d.folder, "bytes", found.Torn)
	}
	d.log.Info("what outlives a restart is known", "event", "state.opened", "folder", d.folder, "entries", len(found.Live))
	return nil
}

// close lets another process have the folder. Whoever waits for a write gets it before, whoever comes later an error.
func (s *state) close() {
	d := s.durable
	if d == nil {
		return
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	if err := d.journal.Close(); err != nil {
		d.log.Warn("close what outlives a restart", "event", "state.close_failed", "folder", d.folder, "error", err)
	}
	d.journal = nil
}

// lock takes the lock when no change of key is on its way to the disk.
func (s *state) lock(key string) {
	s.mu.Lock()
	for s.durable != nil && s.durable.pending[key] != nil {
		b := s.durable.pending[key]
		s.mu.Unlock()
		<-b.done
		s.mu.Lock()
	}
}

// write is settle by way of the disk. It is called with the lock held, which it gives up.
func (s *state) write(key string, e *entry) error {
	d, first := s.durable, false
	if d.forming == nil {
		d.forming, first = &batch{done: make(chan struct{})}, true
	}
	b := d.forming
	c := journal.Change{Key: key}
	if e != nil && e.kept {
		c.Value, c.Expires = e.value, e.expires
	}
	b.changes, b.entries = append(b.changes, c), append(b.entries, e)
	d.pending[key] = b
	s.mu.Unlock()
	if first {
		s.commit(b)
	}
	<-b.done
	return b.err
}

// commit writes a batch when its turn comes, and makes its changes seen.
func (s *state) commit(b *batch) {
	d := s.durable
	d.turn.Lock()
	defer d.turn.Unlock()
	s.mu.Lock()
	d.forming = nil // whoever comes now is of the next
	s.mu.Unlock()
	b.err = s.append(b.changes)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range b.changes {
		delete(d.pending, c.Key)
		if b.err == nil {
			s.replace(c.Key, b.entries[i])
		}
	}
	close(b.done)
}

// append is called by whoever has the turn.
func (s *state) append(changes []journal.Change) error {
	d := s.durable
	if d.journal == nil {
		return errors.New("keep it on the disk: the engine's folder is closed")
	}
	if now := time.Now(); d.journal.Due(now) {
		if err := d.journal.Rewrite(s.kept(), now); err != nil {
			d.log.Error("the journal of what outlives a restart cannot be written anew", "event", "state.rewrite_failed", "folder", d.folder, "error", err)
		}
	}
	err := d.journal.Append(changes)
	switch ailing := err != nil; {
	case ailing && !d.ailing:
		d.log.Error("what must outlive a restart cannot be written, and is refused; free the disk, or mend it", "event", "state.failed", "folder", d.folder, "error", err)
	case !ailing && d.ailing:
		d.log.Info("what must outlive a restart is written again", "event", "state.mended", "folder", d.folder)
	}
	d.ailing = err != nil
	if err != nil {
		return fmt.Errorf("keep it on the disk: %w", err)
	}
	return nil
}

// kept returns what stands on the disk, as far as it has not changed since.
func (s *state) kept() iter.Seq[journal.Change] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []journal.Change
	for _, e := range s.entries {
		if e.kept {
			all = append(all, journal.Change{Key: e.key, Value: e.value, Expires: e.expires})
		}
	}
	return slices.Values(all)
}
