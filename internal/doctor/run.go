package doctor

import (
	"context"
	"time"

	"portcullis/internal/realm"
)

// run is one run of the doctor. One goroutine owns it.
type run struct {
	config  Config
	ctx     context.Context
	started time.Time
	tenants []*realm.Tenant
	results []*Result // by the index of Walls

	metByRules int
	visits     int
	meetings   []*meeting
	sides      []*side // whoever joined
	spoken     []utterance
	undo       []func(context.Context)
}

// utterance is something that was said, and who may hear it.
type utterance struct {
	marker string
	by     *side
	result *Result
}

func newRun(ctx context.Context, c Config, tenants []*realm.Tenant) *run {
	r := &run{config: c, ctx: ctx, started: time.Now(), tenants: tenants}
	for _, w := range Walls {
		r.results = append(r.results, &Result{Name: w.Name, Tries: w.Tries, Must: w.Must, Verdict: Held, Findings: []string{}})
	}
	return r
}

// linger is how long is listened for what an engine in the network carries late.
const linger = 50 * time.Millisecond

func (r *run) examine(pairs [][2]*realm.Tenant) {
	for _, pair := range pairs {
		if r.ctx.Err() != nil {
			return
		}
		m, err := r.meet(pair[0], pair[1])
		if err != nil {
			for _, result := range r.results {
				result.found(Unproven, "%s and %s could not be examined: %v", pair[0].ID, pair[1].ID, err)
			}
			continue
		}
		r.meetings = append(r.meetings, m)
		r.visit(m, &m.sides[0], &m.sides[1])
		r.visit(m, &m.sides[1], &m.sides[0])
	}
	select {
	case <-time.After(linger):
	case <-r.ctx.Done():
	}
	r.overhear()
	for i, w := range Walls {
		if w.once != nil && r.ctx.Err() == nil {
			w.once(&visit{run: r, result: r.results[i]})
		}
	}
}

// visit tries every wall of one pair in one direction.
type visit struct {
	*run
	result   *Result
	meeting  *meeting
	from, to *side
	number   int // of the visit
}

func (r *run) visit(m *meeting, from, to *side) {
	r.visits++
	for i, w := range Walls {
		if w.each != nil && r.ctx.Err() == nil {
			w.each(&visit{run: r, result: r.results[i], meeting: m, from: from, to: to, number: r.visits})
		}
	}
}

func (v *visit) tried() { v.result.Tried++ }

func (v *visit) broken(format string, args ...any) { v.result.found(Broken, format, args...) }

func (v *visit) unproven(format string, args ...any) { v.result.found(Unproven, format, args...) }

// overhear looks at the end for everything that anybody heard of another tenant. It reads what was heard once, however much was said.
func (r *run) overhear() {
	said := make(map[string]utterance, len(r.spoken))
	for _, u := range r.spoken {
		said[u.marker] = u
	}
	for _, listener := range r.sides {
		for _, marker := range listener.ear.markers() {
			if u, there := said[marker]; there && u.by.tenant.ID != listener.tenant.ID {
				u.result.found(Broken, "%s heard what a user of %s said on %s", listener.tenant.ID, u.by.tenant.ID, u.by.name)
			}
		}
	}
}

// undoBy is how long taking back may take when the run itself has no more time.
const undoBy = 2 * time.Second

// leave takes back whatever is still there, also when the run was cut off.
func (r *run) leave() {
	for _, s := range r.sides {
		s.member.Leave()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), undoBy)
	defer cancel()
	for _, undo := range r.undo {
		undo(ctx)
	}
}

// later returns what takes something back. It is done at the end of the run where it was not done before.
func (r *run) later(f func(context.Context) error) (now func() error) {
	over := false
	once := func(ctx context.Context) (err error) {
		if !over {
			err = f(ctx)
			over = err == nil
		}
		return err
	}
	r.undo = append(r.undo, func(ctx context.Context) { _ = once(ctx) }) // it ends by itself within lifetime
	return func() error { return once(r.ctx) }
}
