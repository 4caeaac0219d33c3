package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"portcullis/internal/acl"
	"portcullis/internal/hub"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// mostAsked is how many visits ask questions that are denied: each is counted, and told in the security log, like everybody's.
const mostAsked = 6

// answers tries the wall of that name, as a user whom no rule allows anything and as one who may.
func answers(v *visit) {
	leave, ok := v.opens()
	if !ok {
		return
	}
	defer leave()
	taken, absent := v.to.name, v.elsewhere()
	v.same("one who may", talking(v, v.from), taken, absent)
	v.memory(taken, absent)
	if v.number > mostAsked {
		return
	}
	outsider, err := v.outsider()
	if err != nil {
		v.unproven("%v", err)
		return
	}
	defer outsider.member.Leave()
	v.same("one who may not", slices.Concat(talking(v, outsider), remembering(v, outsider)), taken, absent)
}

// memory asks about a name on which the other keeps history, and is.
func (v *visit) memory(taken, absent string) {
	who, over, ok := v.remembered(taken)
	if !ok {
		return
	}
	defer over()
	v.same("one who may read", remembering(v, who), taken, absent)
}

// remembered lets the other keep history on a name and be there, and returns somebody who may read that name.
func (v *visit) remembered(name string) (who *side, over func(), ok bool) {
	ours, theirs, over, ok := v.keepers(name, acl.Publish, acl.Subscribe, acl.History, acl.Presence)
	if !ok {
		return nil, nil, false
	}
	if _, fault := v.subscribes(theirs); fault != nil {
		v.unproven("%s: subscribe to %s was answered %s", theirs.tenant.ID, theirs.name, fault.Code)
	}
	if _, fault := v.says(theirs); fault != nil {
		v.unproven("%s: publish on %s was answered %s", theirs.tenant.ID, theirs.name, fault.Code)
	}
	return ours, over, true
}

// elsewhere is a name of the form and length of the meeting's, that nobody has.
func (v *visit) elsewhere() string {
	unknown := strings.TrimPrefix(v.to.principal.User, mark)
	return strings.ReplaceAll(v.to.name, unknown, word())
}

// outsider is a user of the same tenant whom no rule allows anything.
func (v *visit) outsider() (*side, error) {
	policy, problems := acl.Compile(v.from.tenant.ID, nil)
	if problems != nil {
		return nil, fmt.Errorf("compile no rules: %s", problems[0].Message)
	}
	p := *v.from.principal
	s := &side{running: v.from.running, tenant: &realm.Tenant{ID: v.from.tenant.ID, Policy: policy, Account: account()}, principal: &p, name: v.from.name}
	return s, v.join(s, p.User)
}

// question is a verb on a name.
type question struct {
	verb string
	ask  func(name string) *wire.Fault
}

// talking are the verbs of those who talk, in an order in which each can be asked.
func talking(v *visit, s *side) []question {
	return []question{
		{"unsubscribe", s.member.Unsubscribe},
		{"echo", func(name string) *wire.Fault { return echoed(s.member, name) }},
		{"subscribe", func(name string) *wire.Fault { return s.member.Subscribe(v.ctx, name, hub.Start{}, func(hub.Begun) {}) }},
		{"publish", func(name string) *wire.Fault { return published(v, s.member, name) }},
		{"publish over HTTP", func(name string) *wire.Fault { return published(v, s.speaker, name) }},
		{"unsubscribe", s.member.Unsubscribe},
	}
}

// remembering are the verbs of those who want to know what was said and who is there.
func remembering(v *visit, s *side) []question {
	return []question{
		{"history", func(name string) *wire.Fault { return read(v, s.member.History, name) }},
		{"history over HTTP", func(name string) *wire.Fault { return read(v, s.speaker.History, name) }},
		{"presence", func(name string) *wire.Fault { return s.member.Presence(name, func(wire.Attendance) {}) }},
		{"presence over HTTP", func(name string) *wire.Fault { return s.speaker.Presence(name, func(wire.Attendance) {}) }},
	}
}

// reader is the verb history, of whomever.
type reader func(ctx context.Context, name string, how hub.Reading) (*hub.Read, *wire.Fault)

func read(v *visit, by reader, name string) *wire.Fault {
	_, fault := by(v.ctx, name, hub.Reading{})
	return fault
}

// same asks all questions about both names.
func (v *visit) same(who string, all []question, taken, absent string) {
	v.tried()
	for _, q := range all {
		there, nowhere := text(q.ask(taken), taken), text(q.ask(absent), absent)
		if there != nowhere {
			v.broken("%s of %s, %s: %q where a user of %s is, %q where nobody is", q.verb, v.from.tenant.ID, who, there, v.to.tenant.ID, nowhere)
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
