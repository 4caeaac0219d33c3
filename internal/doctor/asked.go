package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/hub"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// mostAsked is how many visits ask questions that are denied: each is counted, and told in the security log, like everybody's.
const mostAsked = 8

// answers tries the wall of that name, as a user whom no rule allows anything and as one who may.
func answers(v *visit) {
	leave, ok := v.opens()
	if !ok {
		return
	}
	defer leave()
	taken, absent := v.to.name, v.elsewhere()
	v.same("one who may", v.from.member, taken, absent)
	if v.number > mostAsked {
		return
	}
	outsider, err := v.outsider()
	if err != nil {
		v.unproven("%v", err)
		return
	}
	defer outsider.Leave()
	v.same("one who may not", outsider, taken, absent)
}

// elsewhere is a name of the form and length of the meeting's, that nobody has.
func (v *visit) elsewhere() string {
	unknown := strings.TrimPrefix(v.to.principal.User, "doctor-")
	return strings.ReplaceAll(v.to.name, unknown, word())
}

// outsider is a user of the same tenant whom no rule allows anything.
func (v *visit) outsider() (Member, error) {
	policy, problems := acl.Compile(v.from.tenant.ID, nil)
	if problems != nil {
		return nil, fmt.Errorf("compile no rules: %s", problems[0].Message)
	}
	t := &realm.Tenant{ID: v.from.tenant.ID, Policy: policy, Account: account()}
	p := *v.from.principal
	place, full := t.Account.Enter(p.User)
	if place == nil {
		return nil, fmt.Errorf("an account without limits is full: %v", full)
	}
	return v.config.Join(t, &p, place, "c_"+word()[:16], newEar(v.config.Dialect)), nil
}

// same asks every verb about both names.
func (v *visit) same(who string, m Member, taken, absent string) {
	v.tried()
	for _, ask := range []struct {
		verb string
		f    func(name string) *wire.Fault
	}{
		{"unsubscribe", m.Unsubscribe},
		{"echo", m.Echo},
		{"subscribe", func(name string) *wire.Fault { return m.Subscribe(v.ctx, name, hub.Start{}, func(hub.Begun) {}) }},
		{"publish", func(name string) *wire.Fault { return published(v, m, name) }},
		{"unsubscribe", m.Unsubscribe},
	} {
		there, nowhere := text(ask.f(taken), taken), text(ask.f(absent), absent)
		if there != nowhere {
			v.broken("%s of %s, %s: %q where a user of %s is, %q where nobody is", ask.verb, v.from.tenant.ID, who, there, v.to.tenant.ID, nowhere)
		}
	}
}

// text is an answer as a client reads it, without the name that was asked about.
func text(f *wire.Fault, name string) string {
	if f == nil {
		return "ok"
	}
	return strings.ReplaceAll(fmt.Sprintf("%s %s %v", f.Code, f.Message, f.Retry), name, "NAME")
}

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
	m, taken, absent := v.from.member, v.to.name, v.elsewhere()
	v.tried()
	for verb, f := range map[string]func(name string){
		"subscribe and unsubscribe": func(name string) {
			_ = m.Subscribe(v.ctx, name, hub.Start{}, func(hub.Begun) {})
			_ = m.Unsubscribe(name)
		},
		"unsubscribe": func(name string) { _ = m.Unsubscribe(name) },
		"echo":        func(name string) { _ = m.Echo(name) },
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
