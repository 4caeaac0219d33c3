package doctor

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// meeting is two users, of one name, of two tenants, on one name.
type meeting struct {
	sides [2]side
	name  string // the same for both
}

// side is one of them.
type side struct {
	running   *realm.Tenant // as it is in the configuration
	tenant    *realm.Tenant // as the user meets it: the running rules or, below them, rules that allow everything, and an account of its own
	principal *auth.Principal
	member    Member
	speaker   Speaker
	ear       *ear
	name      string
}

// lifetime is how long anything counts that the doctor puts into the engine. It is taken away before.
const lifetime = 15 * time.Second

// word is a text that nobody has and nobody guesses: a segment, a marker, a user, a tenant's id.
func word() string { return strings.ToLower(rand.Text()) }

// mark is what a marker begins with, and markerLen how long it is.
const (
	mark      = "doctor-"
	markerLen = len(mark) + 26
)

// newMarker is a text that is found again wherever it is heard.
func newMarker() string { return mark + word() }

// open returns a tenant whose rules allow everything, for the id of a real one or of none.
func open(id tenant.ID) (*realm.Tenant, error) {
	policy, problems := acl.Compile(id, []acl.Rule{
		{Name: "doctor", Allow: []string{"echo", "publish", "subscribe", "history", "presence"}, Channels: []string{"**"}},
		{Name: "doctor manages", Allow: []string{"manage"}},
	})
	if problems != nil {
		return nil, fmt.Errorf("compile the doctor's rules: %s", problems[0].Message)
	}
	return &realm.Tenant{ID: id, Policy: policy, Account: account()}, nil
}

// under returns a tenant with the rules of t and an account on which nothing real counts. What its rules on trial would say is not asked: nobody real has asked either.
func under(t *realm.Tenant) *realm.Tenant {
	return &realm.Tenant{ID: t.ID, Policy: t.Policy, Account: account()}
}

// account is one on which nothing real counts.
func account() *limit.Tenant { return limit.NewTenant(limit.Limits{}) }

// meet lets two users meet: on a name that the rules of both tenants allow, where there is one, and else below the rules.
func (r *run) meet(a, b *realm.Tenant) (*meeting, error) {
	unknown := newMarker()
	m := &meeting{sides: [2]side{{running: a}, {running: b}}}
	if pa, pb, name, ok := common(a, b, unknown); ok {
		r.metByRules++
		m.name = name.String()
		m.sides[0].tenant, m.sides[0].principal = under(a), pa
		m.sides[1].tenant, m.sides[1].principal = under(b), pb
	} else {
		m.name = "doctor:" + unknown
		for i := range m.sides {
			t, err := open(m.sides[i].running.ID)
			if err != nil {
				return nil, err
			}
			m.sides[i].tenant, m.sides[i].principal = t, &auth.Principal{User: unknown, Segment: unknown}
		}
	}
	for i := range m.sides {
		m.sides[i].name = m.name
		if err := r.join(&m.sides[i], unknown); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// join makes a member of one side. Both have the same texts wherever a text could be looked up without its tenant. Whoever has not left by then leaves at the end of the run.
func (r *run) join(s *side, unknown string) error {
	now := time.Now()
	p := s.principal
	p.Tenant, p.Method, p.Issuer = s.running.ID, auth.Bearer, "doctor:"+unknown
	p.TokenID, p.Session, p.KeyID = "t-"+unknown, "s-"+unknown, "k-"+unknown
	p.Issued, p.Expires = now, now.Add(lifetime)
	if p.Certificate != nil {
		p.Certificate = certificate(unknown, p.Expires)
	}
	place, full := s.tenant.Account.Enter(p.User)
	if place == nil {
		return fmt.Errorf("an account without limits is full: %v", full)
	}
	s.ear = newEar(r.config.Dialect)
	s.member = r.config.Join(s.tenant, p, place, s.connection(), s.ear)
	s.speaker = r.config.Speak(s.tenant, p)
	r.sides = append(r.sides, s)
	return nil
}

func certificate(of string, expires time.Time) *auth.Certificate {
	return &auth.Certificate{Fingerprint: sha256.Sum256([]byte(of)), Expires: expires}
}

func (s *side) connection() string { return "c_" + s.principal.User }

// mostExamples is how many examples of one tenant's rules are looked at.
const mostExamples = 64

// common finds a user of each tenant and one name on which the running rules let both publish, subscribe and echo.
func common(a, b *realm.Tenant, unknown string) (pa, pb *auth.Principal, name channel.Name, ok bool) {
	ofA, ofB := examples(a, unknown), examples(b, unknown)
	a, b = under(a), under(b)
	for _, e := range slices.Concat(ofA, ofB) {
		if pa, pb = whoMay(a, ofA, e.Name), whoMay(b, ofB, e.Name); pa != nil && pb != nil {
			return pa, pb, e.Name, true
		}
	}
	return nil, nil, channel.Name{}, false
}

func examples(t *realm.Tenant, unknown string) (all []acl.Example) {
	for e := range t.Policy.Examples(unknown) {
		if all = append(all, e); len(all) == mostExamples {
			break
		}
	}
	return all
}

func whoMay(t *realm.Tenant, all []acl.Example, name channel.Name) *auth.Principal {
	for _, e := range all {
		p := *e.Principal
		p.Tenant = t.ID // whatever the rules say: whether they are the tenant's is a wall of its own
		if t.Decide(&p, acl.Publish, name).Allowed && t.Decide(&p, acl.Subscribe, name).Allowed && t.Decide(&p, acl.Echo, name).Allowed {
			return &p
		}
	}
	return nil
}
