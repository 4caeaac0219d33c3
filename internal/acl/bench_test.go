package acl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// ask is one question to a policy.
type ask struct {
	who    *auth.Principal
	action acl.Action
	on     channel.Name
}

// mixed returns n rules of every form, and questions that are spread over all of them.
func mixed(n int) (rules []acl.Rule, asks []ask) {
	question := func(who *auth.Principal, a acl.Action, format string, args ...any) {
		asks = append(asks, ask{who, a, channel.MustParse(fmt.Sprintf(format, args...))})
	}
	for i := range n {
		team := fmt.Sprintf("team-%d", i)
		ana := principal("ana", roles("member", team), claims("region", "eu", "team", team))
		r := acl.Rule{Name: fmt.Sprintf("rule %d", i), Allow: []string{"subscribe", "publish"}}
		switch i % 10 {
		case 0:
			r.Channels = []string{"news:" + team + ":**"}
			question(ana, acl.Subscribe, "news:%s:today", team)
		case 1:
			r.Channels = []string{team + ":room:*"}
			r.For = &acl.Match{Roles: []string{"member", "operator"}}
			question(ana, acl.Publish, "%s:room:%d", team, i)
		case 2:
			r.Channels = []string{team + ":user:{user}:**"}
			question(ana, acl.Subscribe, "%s:user:ana:inbox", team)
			question(ana, acl.Subscribe, "%s:user:bob:inbox", team)
		case 3:
			r.Channels = []string{"region:{claim.region}:" + team, "{tenant}:" + team + ":*"}
			question(ana, acl.Subscribe, "region:eu:%s", team)
		case 4:
			r.Allow, r.Deny = nil, []string{"publish"}
			r.Channels = []string{"news:" + team + ":**", "ops:" + team + ":**"}
			r.Unless = &acl.Match{Roles: []string{"operator"}}
			question(ana, acl.Publish, "ops:%s:deploy", team)
		case 5: // all of these end at one pattern
			r.Channels = []string{"shared:*"}
			r.For = &acl.Match{Roles: []string{team}}
			question(ana, acl.Publish, "shared:%d", i)
		case 6:
			r.Channels = []string{"*:" + team, "*:*:" + team}
			question(ana, acl.Subscribe, "any:%s", team)
		case 7: // and all of these
			r.Channels = []string{"desk:{user}"}
			r.For = &acl.Match{Users: []string{"user-" + team, "other-" + team}}
			question(principal("user-"+team), acl.Publish, "desk:user-%s", team)
		case 8:
			r.Channels = []string{"board:" + team}
			r.For = &acl.Match{Claims: map[string]string{"team": team}}
			question(ana, acl.Publish, "board:%s", team)
		case 9:
			r.Channels = []string{"alarm:" + team, "alarm:" + team + ":*"}
			question(ana, acl.History, "alarm:%s:1", team)
		}
		rules = append(rules, r)
	}
	return rules, asks
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		rules, asks := mixed(n)
		p := compiled(b, rules...)
		run := func(name string, asks []ask) {
			b.Run(fmt.Sprintf("%d_rules_%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					q := &asks[i]
					p.Decide(q.who, q.action, q.on)
					if i++; i == len(asks) {
						i = 0
					}
				}
			})
		}
		run("warm", asks[:11]) // what few clients ask again and again
		run("spread", asks)    // every question misses the cache when there are many
	}
}

// BenchmarkDecideTenants has ten thousand tenants loaded, of 20 rules each, and asks one of them, or all in turn.
func BenchmarkDecideTenants(b *testing.B) {
	rules, asks := mixed(20)
	policies := make([]*acl.Policy, 10_000)
	for i := range policies {
		policies[i] = compiled(b, rules...)
	}
	run := func(name string, of []*acl.Policy) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				q := &asks[i%len(asks)]
				of[i%len(of)].Decide(q.who, q.action, q.on)
				i++
			}
		})
	}
	run("1_of_1", policies[:1])
	run("1_of_10000", policies[len(policies)-1:])
	run("10000_of_10000", policies)
}

// BenchmarkDecideGranted is a decision for a principal whose token was narrowed, beside one whose was not.
func BenchmarkDecideGranted(b *testing.B) {
	p := compiled(b, allow("subscribe publish", "room:*"))
	name := channel.MustParse("room:1")
	for what, who := range map[string]*auth.Principal{
		"none": principal("ana"), "one": principal("ana", grant("subscribe", "room:*")),
		"the_last_of_ten": principal("ana", slices.Repeat([]func(*auth.Principal){grant("publish", "hall:*")}, 9)...),
	} {
		if what == "the_last_of_ten" {
			grant("subscribe", "room:*")(who)
		}
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(who, acl.Subscribe, name)
			}
		})
	}
}

// BenchmarkDecideWorst is the most that rules and names can cost: every node of the tree is visited, or every rule of an ending.
func BenchmarkDecideWorst(b *testing.B) {
	name := channel.MustParse(strings.Repeat("a:", 15) + "a")
	nobody := &acl.Match{Certificate: new(bool)}
	*nobody.Certificate = true
	var stars, same, tails, crowd []acl.Rule
	hundred := make([]string, 100)
	for i := range hundred {
		hundred[i] = fmt.Sprintf("another role %d", i)
	}
	for i := range 1000 {
		var pattern []string
		for bit := range 15 {
			pattern = append(pattern, []string{"a", "*"}[i>>bit&1])
		}
		r := acl.Rule{Name: fmt.Sprint(i), Allow: []string{"publish"}, For: nobody}
		r.Channels = []string{strings.Join(pattern, ":") + ":*"}
		stars = append(stars, r)
		r.Channels = []string{strings.Join(pattern[:10], ":") + ":**"}
		tails = append(tails, r)
		r.Channels = []string{"**"}
		same = append(same, r)
		r.For = &acl.Match{Roles: []string{fmt.Sprintf("role %d", i)}}
		crowd = append(crowd, r)
	}
	for _, policy := range []struct {
		name  string
		rules []acl.Rule
	}{
		{"1_rule_of_16_stars", []acl.Rule{{Name: "r", Allow: []string{"publish"}, Channels: []string{strings.Repeat("*:", 15) + "*"}}}},
		{"1000_patterns_of_stars", stars},
		{"1000_tails", tails},
		{"1000_rules_at_one_pattern", same},
		{"1000_rules_for_roles_and_a_principal_of_100", crowd},
	} {
		p := compiled(b, policy.rules...)
		b.Run(policy.name, func(b *testing.B) {
			b.ReportAllocs()
			who := principal("ana", roles(hundred...))
			for b.Loop() {
				p.Decide(who, acl.Publish, name)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	rules, _ := mixed(10000)
	b.ReportAllocs()
	for b.Loop() {
		compiled(b, rules...)
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	rules, asks := mixed(1000)
	p := compiled(t, rules...)
	got := testing.AllocsPerRun(10, func() {
		for _, q := range asks {
			p.Decide(q.who, q.action, q.on)
		}
		p.DecideManage(asks[0].who)
	})
	if got != 0 {
		t.Errorf("got %v allocations for %d decisions, want 0", got, len(asks))
	}
}
