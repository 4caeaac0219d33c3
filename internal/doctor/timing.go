package doctor

import (
	"fmt"
	"slices"
	"time"

	"portcullis/internal/hub"
	"portcullis/internal/wire"
)

// The bounds of timing. A median of so many tries that take turns is the same on a busy machine: whatever disturbs one disturbs its neighbour. Above warnRatio is
// a warning; a failure needs more than failRatio and failApart, three times in a row, which a guess of a channel's name over a network could not even see.
const (
	timed     = 151
	mostTimed = 8 // visits
	warnRatio = 1.5
	warnApart = 2 * time.Microsecond
	failRatio = 3
	failApart = 20 * time.Microsecond
	rounds    = 3
)

// timing tries the wall of that name.
func timing(v *visit) {
	if v.number > mostTimed {
		return
	}
	leave, ok := v.opens()
	if !ok {
		return
	}
	defer leave()
	who, over, ok := v.remembered(v.to.name)
	if !ok {
		return
	}
	defer over()
	m, taken, absent := v.from.member, v.to.name, v.elsewhere()
	v.tried()
	for verb, f := range map[string]func(name string){
		"subscribe and unsubscribe": func(name string) {
			_ = m.Subscribe(v.ctx, name, hub.Start{}, func(hub.Begun) {})
			_ = m.Unsubscribe(name)
		},
		"unsubscribe": func(name string) { _ = m.Unsubscribe(name) },
		"echo":        func(name string) { _ = echoed(m, name) },
		"history":     func(name string) { _ = read(v, who.member.History, name) },
		"presence":    func(name string) { _ = who.member.Presence(name, func(wire.Attendance) {}) },
	} {
		v.compare(verb, func() { f(taken) }, func() { f(absent) })
	}
}

// compare measures until nothing is found, and at most three times.
func (v *visit) compare(verb string, there, nowhere func()) {
	verdict, worst := Broken, ""
	for range rounds {
		a, b := medians(there, nowhere)
		now := judge(a, b)
		if now == Held {
			return
		}
		if order[now] < order[verdict] {
			verdict = now
		}
		worst = fmt.Sprintf("%s of %s takes %v where a user of %s is, %v where nobody is", verb, v.from.tenant.ID, a, v.to.tenant.ID, b)
	}
	v.result.found(verdict, "%s", worst)
}

// judge compares two medians.
func judge(a, b time.Duration) Verdict {
	high, low := max(a, b), max(min(a, b), 1)
	switch ratio := float64(high) / float64(low); {
	case ratio >= failRatio && high-low >= failApart:
		return Broken
	case ratio >= warnRatio && high-low >= warnApart:
		return Warning
	}
	return Held
}

// medians runs two functions by turns.
func medians(f, g func()) (ofF, ofG time.Duration) {
	var took [2][]time.Duration
	for i := range timed {
		for j := range 2 {
			which := (i + j) % 2 // each is as often the first
			start := time.Now()
			if which == 0 {
				f()
			} else {
				g()
			}
			took[which] = append(took[which], time.Since(start))
		}
	}
	slices.Sort(took[0])
	slices.Sort(took[1])
	return took[0][timed/2], took[1][timed/2]
}
