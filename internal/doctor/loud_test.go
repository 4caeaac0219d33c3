package doctor_test

import (
	"context"

	"portcullis/internal/auth"
	"portcullis/internal/broker"
	"portcullis/internal/doctor"
	"portcullis/internal/hub"
	"portcullis/internal/message"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// loud is a speaker with a fault: each func that is set is asked before the verb, and has all speakers of other tenants.
type loud struct {
	doctor.Speaker
	others func() []*loud

	publish  func(l *loud, name string, p hub.Publication) *wire.Fault
	purge    func(l *loud, name string)
	history  func(l *loud, name string, how hub.Reading) *hub.Read
	presence func(l *loud, name string) *wire.Attendance
}

func (l *loud) Publish(ctx context.Context, name string, p hub.Publication) (broker.Receipt, *wire.Fault) {
	if l.publish != nil {
		if f := l.publish(l, name, p); f != nil {
			return broker.Receipt{}, f
		}
	}
	return l.Speaker.Publish(ctx, name, p)
}

func (l *loud) Purge(ctx context.Context, name string) (message.Position, *wire.Fault) {
	if l.purge != nil {
		l.purge(l, name)
	}
	return l.Speaker.Purge(ctx, name)
}

func (l *loud) History(ctx context.Context, name string, how hub.Reading) (*hub.Read, *wire.Fault) {
	if l.history != nil {
		if read := l.history(l, name, how); read != nil {
			return read, nil
		}
	}
	return l.Speaker.History(ctx, name, how)
}

func (l *loud) Presence(name string, f func(wire.Attendance)) *wire.Fault {
	if l.presence != nil {
		if a := l.presence(l, name); a != nil {
			f(*a)
			return nil
		}
	}
	return l.Speaker.Presence(name, f)
}

// amplify makes every speaker a loud one.
func (h *house) amplify(fault func(*loud)) {
	type one struct {
		*loud
		of tenant.ID
	}
	var all []one
	speak := h.Config.Speak
	h.Config.Speak = func(t *realm.Tenant, p *auth.Principal) doctor.Speaker {
		l := &loud{Speaker: speak(t, p), others: func() (others []*loud) {
			for _, o := range all {
				if o.of != t.ID {
					others = append(others, o.loud)
				}
			}
			return others
		}}
		fault(l)
		all = append(all, one{l, t.ID})
		return l
	}
}
