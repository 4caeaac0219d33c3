package witness_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/acl/witness"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

var acme = tenant.MustParse("acme")

func side(t testing.TB, rules ...acl.Rule) witness.Side {
	t.Helper()
	for i := range rules {
		rules[i].Name = fmt.Sprint("r", i)
	}
	p, problems := acl.Compile(acme, rules)
	if problems != nil {
		t.Fatal(problems)
	}
	return witness.Side{Policy: p, Rules: rules}
}

// written writes a line as acl diff does, without the rules.
func written(l witness.Line) string {
	var actions []string
	for _, a := range l.Actions {
		actions = append(actions, a.String())
	}
	s := map[bool]string{true: "+ ", false: "- "}[l.Gained] + l.Who
	if l.But != nil {
		s += " but not " + strings.Join(l.But, " or ")
	}
	s += ": " + strings.TrimSpace(strings.Join(actions, ", ")+" "+l.Channel)
	if l.Except != nil {
		s += " but not " + strings.Join(l.Except, ", ")
	}
	return s
}

func allow(actions string, channels ...string) acl.Rule {
	return acl.Rule{Allow: strings.Fields(actions), Channels: channels}
}

func deny(actions string, channels ...string) acl.Rule {
	return acl.Rule{Deny: strings.Fields(actions), Channels: channels}
}

func only(r acl.Rule, m acl.Match) acl.Rule {
	r.For = &m
	return r
}

func unless(r acl.Rule, m acl.Match) acl.Rule {
	r.Unless = &m
	return r
}

func TestWhoGainsAndWhoLoses(t *testing.T) {
	yes := true
	members, operators := acl.Match{Roles: []string{"member", "guest"}}, acl.Match{Roles: []string{"operator"}}
	for _, tt := range []struct {
		name     string
		old, new []acl.Rule
		want     []string
	}{
		{"nothing changed", []acl.Rule{allow("echo", "a")}, []acl.Rule{allow("echo", "a")}, nil},
		{"another order, and a rule that another has", []acl.Rule{allow("echo", "a"), allow("publish", "b")}, []acl.Rule{allow("publish", "b"), allow("echo", "a"), only(allow("echo", "a"), members)}, nil},
		{"a new rule", nil, []acl.Rule{allow("echo publish", "room:*")}, []string{"+ anybody: echo, publish room:*"}},
		{"for a role", nil, []acl.Rule{only(allow("publish", "room:*"), acl.Match{Roles: []string{"member"}})}, []string{"+ role member: publish room:*"}},
		{"for one of many roles", nil, []acl.Rule{only(allow("publish", "room:*"), members)}, []string{"+ role guest (and 1 more like it): publish room:*"}},
		{"for everybody before", []acl.Rule{allow("publish", "room:*")}, []acl.Rule{only(allow("publish", "room:*"), operators)}, []string{"- anybody but not role operator: publish room:*"}},
		{"a deny", []acl.Rule{allow("publish", "room:*")}, []acl.Rule{allow("publish", "room:*"), unless(deny("publish", "room:vault"), operators)},
			[]string{"- anybody but not role operator: publish room:vault"}},
		{"a deny that stays", []acl.Rule{deny("publish", "room:vault")}, []acl.Rule{deny("publish", "room:vault"), allow("publish", "room:*")},
			[]string{"+ anybody: publish room:* but not room:vault"}},
		{"two at once", nil, []acl.Rule{only(allow("publish", "a"), acl.Match{Roles: []string{"member"}, Scopes: []string{"write"}, Certificate: &yes})},
			[]string{"+ role member, scope write, with a certificate: publish a"}},
		{"a tail", nil, []acl.Rule{allow("history", "news:**")}, []string{"+ anybody: history news:**"}},
		{"a tail that was a star", []acl.Rule{allow("history", "news:*")}, []acl.Rule{allow("history", "news:**")}, []string{"+ anybody: history news:** but not news:*"}},
		{"a star that was a tail", []acl.Rule{allow("history", "news:**")}, []acl.Rule{allow("history", "news:*")}, []string{"- anybody: history news:** but not news:*"}},
		{"a tail without its shortest", []acl.Rule{deny("history", "news:*")}, []acl.Rule{deny("history", "news:*"), allow("history", "news:**")}, []string{"+ anybody: history news:** but not news:*"}},
		{"one's own", nil, []acl.Rule{allow("subscribe", "user:{user}:*")}, []string{"+ anybody: subscribe user:{user}:*"}},
		{"one's own, which was everybody's", []acl.Rule{allow("subscribe", "user:*:*")}, []acl.Rule{allow("subscribe", "user:{user}:*")},
			[]string{"- anybody: subscribe user:*:* but not user:{user}:*"}},
		{"a claim's", nil, []acl.Rule{allow("subscribe", "org:{claim.org}")}, []string{"+ any claim org: subscribe org:{claim.org}"}},
		{"a user's who is denied it elsewhere", []acl.Rule{deny("subscribe", "user:bob:*")}, []acl.Rule{deny("subscribe", "user:bob:*"), allow("subscribe", "user:{user}:*")},
			[]string{"+ anybody but not user bob: subscribe user:{user}:*"}},
		{"manage", nil, []acl.Rule{only(acl.Rule{Allow: []string{"manage"}}, acl.Match{Users: []string{"olga"}})}, []string{"+ user olga: manage"}},
		{"the tenant's", nil, []acl.Rule{allow("echo", "{tenant}:*")}, []string{"+ anybody: echo acme:*"}},
		{"lost here and gained there", []acl.Rule{allow("echo", "a:*")}, []acl.Rule{allow("echo", "b:*")}, []string{"- anybody: echo a:*", "+ anybody: echo b:*"}},
		{"where two rules meet", []acl.Rule{deny("echo", "*:b")}, []acl.Rule{deny("echo", "*:b"), allow("echo", "a:*")}, []string{"+ anybody: echo a:* but not a:b"}},
		{"two roles that only one has together", []acl.Rule{allow("echo", "a"), only(deny("echo", "a"), acl.Match{Roles: []string{"x"}})},
			[]acl.Rule{allow("echo", "a"), unless(only(deny("echo", "a"), acl.Match{Roles: []string{"x"}}), acl.Match{Roles: []string{"y"}})}, []string{"+ role x, role y: echo a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := witness.Compare(acme, side(t, tt.old...), side(t, tt.new...))
			var got []string
			for _, l := range r.Lines {
				got = append(got, written(l))
			}
			if !slices.Equal(got, tt.want) || r.Cut {
				t.Errorf("got\n%s\nwant\n%s\nof %d users and %d channels, cut %v", strings.Join(got, "\n"), strings.Join(tt.want, "\n"), r.Users, r.Channels, r.Cut)
			}
		})
	}
}

// Where no line is written, brute force finds no difference either: of everybody with at most two traits, on every channel of up to four segments.
func TestNothingIsMissedWithinTheBounds(t *testing.T) {
	roll := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[roll.IntN(len(list))] }
	one := func() *acl.Match {
		switch roll.IntN(6) {
		case 0:
			return &acl.Match{Users: []string{pick([]string{"a", "b"})}}
		case 1:
			return &acl.Match{Scopes: []string{pick([]string{"r", "s"})}}
		case 2:
			return &acl.Match{Claims: map[string]string{"c": pick([]string{"a", "1"})}}
		case 3:
			return nil
		}
		return &acl.Match{Roles: []string{pick([]string{"r", "s"})}}
	}
	random := func() (rules []acl.Rule) {
		for range roll.IntN(4) {
			pattern := pick([]string{"a", "b", "*", "{user}", "{claim.c}"})
			for range roll.IntN(3) {
				pattern += ":" + pick([]string{"a", "b", "*", "{user}"})
			}
			if roll.IntN(3) == 0 {
				pattern += ":**"
			}
			r := acl.Rule{Channels: []string{pattern}, For: one()}
			if roll.IntN(3) == 0 {
				r.Unless = one()
			}
			if roll.IntN(3) == 0 {
				r.Deny = []string{"echo"}
			} else {
				r.Allow = []string{"echo"}
			}
			rules = append(rules, r)
		}
		return rules
	}
	people, channels := everybody(t), everywhere()
	silent := 0
	for range 200 {
		old := random()
		new := append(slices.Clone(old), random()...) // what stays is at work too
		if len(new) > 1 {
			i := roll.IntN(len(new))
			new = slices.Delete(new, i, i+1)
		}
		a, b := side(t, slices.Clone(old)...), side(t, slices.Clone(new)...)
		r := witness.Compare(acme, a, b)
		if len(r.Lines) > 0 {
			continue
		}
		silent++
		for c := range acl.Diff(a.Policy, b.Policy, people, channels) {
			t.Fatalf("%+v is missed\nold %+v\nnew %+v", c, old, new)
		}
	}
	if silent < 10 {
		t.Errorf("%d of 200 comparisons found nothing; want more, or the test says little", silent)
	}
}

func everybody(t *testing.T) (people []*auth.Principal) {
	all := []func(*acl.Subject){
		func(*acl.Subject) {}, func(s *acl.Subject) { s.User = "a" }, func(s *acl.Subject) { s.User = "b" },
		func(s *acl.Subject) { s.Roles = append(s.Roles, "r") }, func(s *acl.Subject) { s.Roles = append(s.Roles, "s") },
		func(s *acl.Subject) { s.Scopes = append(s.Scopes, "r") }, func(s *acl.Subject) { s.Scopes = append(s.Scopes, "s") },
		func(s *acl.Subject) { s.Claims = map[string]string{"c": "a"} }, func(s *acl.Subject) { s.Claims = map[string]string{"c": "1"} },
		func(s *acl.Subject) { s.Claims = map[string]string{"c": "b"} }, func(s *acl.Subject) { s.Claims = map[string]string{"c": "z"} },
	}
	for _, f := range all {
		for _, g := range all {
			s := acl.Subject{User: "z"}
			f(&s)
			g(&s)
			p, problems := s.Principal(acme)
			if problems != nil {
				t.Fatal(problems)
			}
			people = append(people, p)
		}
	}
	return people
}

func everywhere() (channels []channel.Name) {
	names := []string{"a", "b", "z", "1"}
	for from, depth := 0, 1; depth < 4; depth++ {
		to := len(names)
		for _, n := range names[from:to] {
			for _, s := range []string{"a", "b", "z"} {
				names = append(names, n+":"+s)
			}
		}
		from = to
	}
	for _, n := range names {
		channels = append(channels, channel.MustParse(n))
	}
	return channels
}

// However much there is, a comparison ends, and says that it left something out.
func TestAComparisonIsBounded(t *testing.T) {
	var rules []acl.Rule
	for i := range 420 {
		rules = append(rules, only(allow("echo publish", fmt.Sprintf("a%d:*", i), fmt.Sprintf("*:{user}:b%d:**", i)), acl.Match{Roles: []string{fmt.Sprint("role ", i)}}))
	}
	r := witness.Compare(acme, witness.Side{}, side(t, rules...))
	if !r.Cut || len(r.Lines) == 0 || r.Users > 400 || r.Channels > 400 {
		t.Errorf("got %d lines of %d users and %d channels, cut %v", len(r.Lines), r.Users, r.Channels, r.Cut)
	}
	few := slices.Clone(rules)
	few[150].For = &acl.Match{Roles: []string{"another"}}
	r = witness.Compare(acme, side(t, rules...), side(t, few...))
	if r.Cut || len(r.Lines) != 4 {
		t.Errorf("one rule changed: got %+v, want four lines and nothing left out", r)
	}
}
