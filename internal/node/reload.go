package node

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/admin"
	"portcullis/internal/config"
	"portcullis/internal/config/watch"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/webhook"
)

// Reloaded is what a reload did. Tenants are named in the order of their ids.
type Reloaded struct {
	Added   []string `json:"added"`
	Changed []string `json:"changed"`
	Removed []string `json:"removed"`
	Tenants int      `json:"tenants"`

	Connections int   `json:"connections"` // that were asked about
	Ended       int   `json:"ended"`       // of them
	Lost        int   `json:"subscriptions_lost"`
	Took        int64 `json:"took_ms"`
}

// Cause is who wanted a reload.
type Cause string

// The causes.
const (
	BySignal   Cause = "signal"
	ByOperator Cause = "operator"
	ByFiles    Cause = "files"
)

// newKeysBy bounds how long a reload waits for identity services that were not asked before. Everybody's change waits with it, also a right that is taken: a service that needs
// longer is asked again behind the swap, and its first users wait for it themselves.
const newKeysBy = 250 * time.Millisecond

// reloading is the turns of those who want a reload.
type reloading struct {
	busy chan struct{} // held by the reload that runs

	// Guarded by mu.
	mu   sync.Mutex
	next *turn // waits until the one that runs is over; nil when nobody does

	last atomic.Pointer[config.Config] // that counts; stored by whoever holds busy
	seen watch.Seen                    // how its files looked at the start; for watch alone
}

// turn is one reload, for all who asked before it began.
type turn struct {
	done chan struct{}

	// Set before done is closed.
	report   *Reloaded
	problems []config.Problem
}

// Reload takes the configuration anew: it reads all files, checks them, runs the tests of the rules, and builds everything before the first thing changes. With an error among
// the problems nothing has changed, and there is no report. One reload runs at a time; those who ask meanwhile share the one after it.
func (n *Node) Reload(by Cause) (*Reloaded, []config.Problem) {
	r := &n.reloading
	r.mu.Lock()
	t, leads := r.next, r.next == nil
	if leads {
		t = &turn{done: make(chan struct{})}
		r.next = t
	}
	r.mu.Unlock()
	if !leads {
		<-t.done
		return t.report, t.problems
	}
	r.busy <- struct{}{}
	r.mu.Lock()
	r.next = nil // whoever asks from now on may have changed a file that is read already
	r.mu.Unlock()
	defer func() { // also after a panic, which whoever serves the request may survive
		close(t.done)
		<-r.busy
	}()
	t.report, t.problems = n.reload(by)
	return t.report, t.problems
}

func (n *Node) reload(by Cause) (*Reloaded, []config.Problem) {
	start := time.Now()
	next, problems := n.rebuild(by)
	if next == nil {
		n.refused(by, problems)
		return nil, problems
	}
	snapshot := next.snapshot
	ctx, cancel := context.WithTimeout(context.Background(), newKeysBy)
	_ = snapshot.Fetch(ctx) // a service that does not answer is its users' misfortune alone; the log says so
	cancel()
	was := n.realms.Swap(snapshot)
	n.hooks.Set(next.hooks)
	n.reloading.last.Store(next.config)
	report := reported(snapshot.Since(was))
	report.Tenants = len(next.config.Tenants)
	applied, _ := n.gateway.Apply(context.Background()) // nothing calls it off
	report.Connections, report.Ended, report.Lost = applied.Connections, applied.Ended, applied.Lost
	report.Took = time.Since(start).Milliseconds()
	n.reloaded(by, report)
	return report, problems
}

// rebuilt is what is to count next.
type rebuilt struct {
	config   *config.Config
	snapshot *realm.Snapshot
	hooks    *webhook.Settings
}

// rebuild builds what is in the files beside what runs. It is nil when one of the problems is an error. Where nobody but the files says that they are ready, one that looks half written is not.
func (n *Node) rebuild(by Cause) (*rebuilt, []config.Problem) {
	last := n.reloading.last.Load()
	c, problems := last.Again(n.options.File)
	if c == nil {
		return nil, problems
	}
	if by == ByFiles {
		problems = append(problems, last.Cut(c)...)
	}
	problems = append(n.config.Fixed(c), problems...) // the main file first
	o := n.realmOptions
	o.Previous = n.realms.Current()
	snapshot, more := realm.Build(c, o)
	hooks, others := webhook.Read(c)
	if problems = slices.Concat(problems, more, others); config.Failed(problems) {
		return nil, problems
	}
	return &rebuilt{c, snapshot, hooks}, problems
}

func reported(d realm.Difference) *Reloaded {
	names := func(ids []tenant.ID) []string {
		all := make([]string, len(ids))
		for i, id := range ids {
			all[i] = id.String()
		}
		return all
	}
	return &Reloaded{Added: names(d.Added), Changed: names(d.Changed), Removed: names(d.Removed)}
}

// reloaded tells of a configuration that counts.
func (n *Node) reloaded(by Cause, r *Reloaded) {
	n.metrics.Configured(r.Tenants, true)
	n.audit.Reconfigured(string(by), r.Added, r.Changed, r.Removed)
	n.log.Info("configuration reloaded", "event", "config.reloaded", "cause", string(by), "tenants", r.Tenants, "added", len(r.Added), "changed", len(r.Changed),
		"removed", len(r.Removed), "connections", r.Connections, "ended", r.Ended, "subscriptions_lost", r.Lost, "duration_ms", r.Took)
}

// refused tells of one that does not.
func (n *Node) refused(by Cause, problems []config.Problem) {
	n.metrics.ConfigurationRefused()
	errors := slices.DeleteFunc(slices.Clone(problems), func(p config.Problem) bool { return p.Severity != config.Error })
	first := errors[0]
	n.log.LogAttrs(context.Background(), slog.LevelError, "configuration refused, the last good one counts further: "+first.Message,
		slog.String("event", "config.refused"), slog.String("cause", string(by)), slog.Int("errors", len(errors)),
		slog.String("file", first.File), slog.Int("line", first.Line), slog.Int("column", first.Column), slog.String("path", first.Path))
}

// administeredReload is Reload as the administrators' listener offers it.
func (n *Node) administeredReload() admin.Reload {
	if n.options.File == "" {
		return nil
	}
	return func() (any, []config.Problem) {
		report, problems := n.Reload(ByOperator)
		if report == nil {
			return nil, problems
		}
		return report, problems
	}
}
