package acl_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// told writes an explanation on lines: the rule that decided with its values, and each that lost.
func told(x *acl.Explanation) (lines []string) {
	if x.By != nil {
		lines = append(lines, fmt.Sprintf("by %s %q", x.By.Path, x.By.Pattern))
		for _, f := range x.By.Fits {
			lines = append(lines, fmt.Sprintf("  %s: %s is %s", f.Path, f.Part, f.Value))
		}
	}
	for _, l := range x.Lost {
		lines = append(lines, fmt.Sprintf("lost %s %s: %s", l.Path, l.Cause, l.Detail))
	}
	return lines
}

func TestExplain(t *testing.T) {
	p := compiled(t,
		acl.Rule{Name: "news", Allow: []string{"subscribe"}, Channels: []string{"news:**"}},
		acl.Rule{Name: "members", Allow: []string{"subscribe", "publish"}, Channels: []string{"hall:*", "room:*"}, For: &acl.Match{Roles: []string{"member", "guest"}}},
		acl.Rule{Name: "inbox", Allow: []string{"subscribe"}, Channels: []string{"user:{user}:**", "{tenant}:org:{claim.org}"}},
		acl.Rule{Name: "vault", Deny: []string{"subscribe", "publish"}, Channels: []string{"room:vault"}, Unless: &acl.Match{Roles: []string{"operator"}, Certificate: &yes}},
		acl.Rule{Name: "all", Allow: []string{"subscribe"}, Channels: []string{"**"}, For: &acl.Match{Users: []string{"olga"}, Claims: map[string]string{"eu": "true"}}},
		acl.Rule{Name: "run it", Allow: []string{"manage"}, For: &acl.Match{Scopes: []string{"admin"}}},
	)
	ana := principal("ana", roles("x", "member"))
	olga := principal("olga", roles("operator", "member"), claims("eu", "true", "org", "7"), certificate)
	tests := []struct {
		who   *auth.Principal
		entry string
		want  []string
	}{
		{ana, "publish room:1", []string{
			`by rules[1].channels[1] "room:*"`, `  rules[1].for.roles: for roles is member`,
			`lost rules[3].channels[0] channel: "room:vault" does not match: at segment 2, it is "1" and not "vault"`,
		}},
		{ana, "publish room:vault", []string{
			`by rules[3].channels[0] "room:vault"`, `  rules[3].unless.certificate: unless certificate is spares nobody here: certificate is to be true, and the user showed none`,
			`lost rules[1] deny: allows it, and rule "vault" denies it; deny wins`,
		}},
		{olga, "subscribe room:vault", []string{
			`by rules[1].channels[1] "room:*"`, `  rules[1].for.roles: for roles is member`,
			`lost rules[0].channels[0] channel: "news:**" does not match: at segment 1, it is "room" and not "news"`,
			`lost rules[2].channels[0] channel: "user:{user}:**" does not match: at segment 1, it is "room" and not "user"`,
			`lost rules[3].unless.certificate unless: spares the user: certificate "true", roles "operator"`,
			`lost rules[4] later: comes later than rule "members", which decides the same`,
		}},
		{olga, "subscribe acme:org:7", []string{
			`by rules[2].channels[1] "{tenant}:org:{claim.org}"`, `  rules[2].channels[1]: {tenant} is acme`, `  rules[2].channels[1]: {claim.org} is 7`,
			`lost rules[0].channels[0] channel: "news:**" does not match: at segment 1, it is "acme" and not "news"`,
			`lost rules[1].channels[0] channel: "hall:*" does not match: at segment 1, it is "acme" and not "hall"`,
			`lost rules[3].channels[0] channel: "room:vault" does not match: at segment 1, it is "acme" and not "room"`,
			`lost rules[4] later: comes later than rule "inbox", which decides the same`,
		}},
		{ana, "subscribe acme:org:7", []string{
			`lost rules[0].channels[0] channel: "news:**" does not match: at segment 1, it is "acme" and not "news"`,
			`lost rules[1].channels[0] channel: "hall:*" does not match: at segment 1, it is "acme" and not "hall"`,
			`lost rules[2].channels[1] channel: "{tenant}:org:{claim.org}" does not match: at segment 3, the user has no claim "org" for {claim.org}`,
			`lost rules[3].channels[0] channel: "room:vault" does not match: at segment 1, it is "acme" and not "room"`,
			`lost rules[4].for.users for: users are to be of "olga", and the user has "ana"`,
		}},
		{ana, "subscribe user:bob:inbox", []string{
			`lost rules[0].channels[0] channel: "news:**" does not match: at segment 1, it is "user" and not "news"`,
			`lost rules[1].channels[0] channel: "hall:*" does not match: at segment 1, it is "user" and not "hall"`,
			`lost rules[2].channels[0] channel: "user:{user}:**" does not match: at segment 2, it is "bob", and {user} is "ana"`,
			`lost rules[3].channels[0] channel: "room:vault" does not match: at segment 1, it is "user" and not "room"`,
			`lost rules[4].for.users for: users are to be of "olga", and the user has "ana"`,
		}},
		{principal("ana", roles("member"), grant("publish", "hall:*")), "publish room:1", []string{
			`lost rules[1] grant: allows it, and the token's authorization_details do not cover it`,
			`lost rules[3].channels[0] channel: "room:vault" does not match: at segment 2, it is "1" and not "vault"`,
		}},
		{principal("ana", roles("member")), "publish room", []string{
			`lost rules[1].channels[1] channel: "room:*" does not match: the channel ends after segment 1`,
			`lost rules[3].channels[0] channel: "room:vault" does not match: the channel ends after segment 1`,
		}},
		{principal("ana", roles("member")), "publish room:1:2", []string{
			`lost rules[1].channels[1] channel: "room:*" does not match: the channel goes on behind segment 2`,
			`lost rules[3].channels[0] channel: "room:vault" does not match: at segment 2, it is "1" and not "vault"`,
		}},
		{ana, "manage", []string{`lost rules[5].for.scopes for: scopes are to be of "admin", and the user has none`}},
		{principal("ana", scopes("admin")), "manage", []string{`by rules[5] ""`, `  rules[5].for.scopes: for scopes is admin`}},
	}
	for _, tt := range tests {
		t.Run(tt.who.User+" "+tt.entry, func(t *testing.T) {
			verb, on, _ := strings.Cut(tt.entry, " ")
			x := p.ExplainManage(tt.who)
			if verb != "manage" {
				a, err := acl.ParseAction(verb)
				if err != nil {
					t.Fatal(err)
				}
				x = p.Explain(tt.who, a, channel.MustParse(on))
			}
			if got := told(x); !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// explained asks of an explanation that its parts come to the decision: the rule that decided fits in every part, each other rule about the action has a cause that
// is true, and none is left out.
func explained(t *testing.T, rules []acl.Rule, x *acl.Explanation, a acl.Action) {
	t.Helper()
	if x.Basis == acl.TenantMismatch {
		return
	}
	about := 0
	for _, r := range rules {
		if slices.Contains(slices.Concat(r.Allow, r.Deny), a.String()) {
			about++
		}
	}
	counts := make(map[acl.Cause]int)
	for _, l := range x.Lost {
		counts[l.Cause]++
		if l.Rule == x.Rule || l.Detail == "" || !strings.HasPrefix(l.Path, fmt.Sprintf("rules[%d]", l.Index)) || rules[l.Index].Name != l.Rule {
			t.Fatalf("the loss %+v under %+v", l, x.Decision)
		}
		if l.Cause == acl.Later && (x.By == nil || l.Index < x.By.Index || l.Denies != x.By.Denies) {
			t.Fatalf("%+v comes later than %+v", l, x.By)
		}
	}
	decided := x.Basis == acl.ExplicitAllow || x.Basis == acl.ExplicitDeny
	switch {
	case decided != (x.By != nil), decided && len(x.Lost) != about-1, !decided && len(x.Lost) != about:
		t.Fatalf("%+v by %+v and %d losses of %d rules about %s", x.Decision, x.By, len(x.Lost), about, a)
	case decided && (x.By.Denies == x.Allowed || rules[x.By.Index].Name != x.Rule):
		t.Fatalf("%+v by %+v", x.Decision, x.By)
	case x.Basis == acl.NoMatch && counts[acl.OtherChannel]+counts[acl.NotFor]+counts[acl.Spared] != about:
		t.Fatalf("no rule says anything, and %v", counts)
	case (x.Basis == acl.NotGranted) != (counts[acl.Ungranted] > 0), counts[acl.Overruled] > 0 && x.Basis != acl.ExplicitDeny:
		t.Fatalf("%+v, and %v", x.Decision, counts)
	}
}

func explainAll(t *testing.T, d *dice, questions int) {
	t.Helper()
	rules := d.rules()
	p := compiled(t, rules...)
	for range questions {
		pr, a, name := d.principal(), acl.Actions[d.roll(len(acl.Actions))], channel.MustParse(d.name())
		x, want := p.ExplainManage(pr), p.DecideManage(pr)
		if a != acl.Manage {
			x, want = p.Explain(pr, a, name), p.Decide(pr, a, name)
		}
		if x.Decision != want {
			t.Fatalf("explains %+v, decides %+v", x.Decision, want)
		}
		explained(t, rules, x, a)
	}
}

func TestAnExplanationComesToTheDecision(t *testing.T) {
	seed := rand.NewChaCha8([32]byte{11})
	for range 100 {
		data := make([]byte, 4096)
		seed.Read(data)
		explainAll(t, &dice{data}, 100)
	}
}

// Whatever the rules, the principal and the name: what Explain says of each rule comes to what Decide decides.
func FuzzExplain(f *testing.F) {
	seed := rand.NewChaCha8([32]byte{12})
	for range 8 {
		data := make([]byte, 600)
		seed.Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { explainAll(t, &dice{data}, 10) })
}
