package acl_test

import (
	"slices"
	"strings"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// allow and deny write a rule whose name is its effect, actions and channels.
func allow(list string, channels ...string) acl.Rule {
	return acl.Rule{Name: "allow " + list + " " + strings.Join(channels, " "), Allow: strings.Fields(list), Channels: channels}
}

func deny(list string, channels ...string) acl.Rule {
	return acl.Rule{Name: "deny " + list + " " + strings.Join(channels, " "), Deny: strings.Fields(list), Channels: channels}
}

func only(r acl.Rule, m acl.Match) acl.Rule {
	r.For = &m
	return r
}

func unless(r acl.Rule, m acl.Match) acl.Rule {
	r.Unless = &m
	return r
}

var yes, no = true, false

func TestDecide(t *testing.T) {
	ana := principal("ana")
	member := acl.Match{Roles: []string{"member", "guest"}}
	tests := []struct {
		name  string
		rules []acl.Rule
		who   *auth.Principal
		ask   string
		want  string // the rule and its basis
	}{
		{"no rules", nil, ana, "publish room:1", "no_match"},
		{"an allowed action", []acl.Rule{allow("echo publish", "room:*")}, ana, "publish room:1", "allow echo publish room:* explicit_allow"},
		{"another action", []acl.Rule{allow("echo publish", "room:*")}, ana, "subscribe room:1", "no_match"},
		{"another channel", []acl.Rule{allow("publish", "room:*")}, ana, "publish hall:1", "no_match"},
		{"too few segments", []acl.Rule{allow("publish", "room:*")}, ana, "publish room", "no_match"},
		{"too many segments", []acl.Rule{allow("publish", "room:*")}, ana, "publish room:1:2", "no_match"},
		{"a tail of one", []acl.Rule{allow("history", "news:**")}, ana, "history news:a", "allow history news:** explicit_allow"},
		{"a tail of many", []acl.Rule{allow("presence", "news:**")}, ana, "presence news:a:b:c", "allow presence news:** explicit_allow"},
		{"a tail of none", []acl.Rule{allow("history", "news:**")}, ana, "history news", "no_match"},
		{"everything", []acl.Rule{allow("echo", "**")}, ana, "echo a:b", "allow echo ** explicit_allow"},
		{"the second of its channels", []acl.Rule{allow("echo", "a", "b")}, ana, "echo b", "allow echo a b explicit_allow"},

		{"deny after allow wins", []acl.Rule{allow("echo", "a:*"), deny("echo", "a:b")}, ana, "echo a:b", "deny echo a:b explicit_deny"},
		{"deny before allow wins", []acl.Rule{deny("echo", "a:b"), allow("echo", "a:*")}, ana, "echo a:b", "deny echo a:b explicit_deny"},
		{"a wide deny wins over a narrow allow", []acl.Rule{allow("echo", "a:b"), deny("echo", "**")}, ana, "echo a:b", "deny echo ** explicit_deny"},
		{"deny wins at the same pattern", []acl.Rule{allow("echo", "a"), deny("echo", "a")}, ana, "echo a", "deny echo a explicit_deny"},
		{"deny of another action", []acl.Rule{allow("echo", "a"), deny("publish", "a")}, ana, "echo a", "allow echo a explicit_allow"},
		{"the first that allows is named", []acl.Rule{allow("echo", "**"), allow("echo", "a:b")}, ana, "echo a:b", "allow echo ** explicit_allow"},
		{"the first that denies is named", []acl.Rule{deny("echo", "a:*"), deny("echo", "a:b"), deny("echo", "**")}, ana, "echo a:b",
			"deny echo a:* explicit_deny"},

		{"for a role that one has", []acl.Rule{only(allow("echo", "a"), member)}, principal("ana", roles("x", "guest")), "echo a",
			"allow echo a explicit_allow"},
		{"for a role that one has not", []acl.Rule{only(allow("echo", "a"), member)}, principal("ana", roles("Member")), "echo a", "no_match"},
		{"for a role, and one has none", []acl.Rule{only(allow("echo", "a"), member)}, ana, "echo a", "no_match"},
		{"a scope is no role", []acl.Rule{only(allow("echo", "a"), member)}, principal("ana", scopes("member")), "echo a", "no_match"},
		{"for a user", []acl.Rule{only(allow("echo", "a"), acl.Match{Users: []string{"bob", "ana"}})}, ana, "echo a", "allow echo a explicit_allow"},
		{"for another user", []acl.Rule{only(allow("echo", "a"), acl.Match{Users: []string{"bob"}})}, ana, "echo a", "no_match"},
		{"for the same subject of another issuer", []acl.Rule{only(allow("echo", "a"), acl.Match{Users: []string{"ana"}})}, principal("partner|ana"), "echo a",
			"no_match"},
		{"for a scope", []acl.Rule{only(allow("echo", "a"), acl.Match{Scopes: []string{"rt"}})}, principal("ana", scopes("x", "rt")), "echo a",
			"allow echo a explicit_allow"},
		{"for a claim", []acl.Rule{only(allow("echo", "a"), acl.Match{Claims: map[string]string{"org": "7"}})}, principal("ana", claims("org", "7")), "echo a",
			"allow echo a explicit_allow"},
		{"for a claim in a list", []acl.Rule{only(allow("echo", "a"), acl.Match{Claims: map[string]string{"org": "7"}})},
			principal("ana", claims("org", "6", "org", "7")), "echo a", "allow echo a explicit_allow"},
		{"for a claim of another value", []acl.Rule{only(allow("echo", "a"), acl.Match{Claims: map[string]string{"org": "7"}})},
			principal("ana", claims("org", "77", "group", "7")), "echo a", "no_match"},
		{"for two claims, one missing", []acl.Rule{only(allow("echo", "a"), acl.Match{Claims: map[string]string{"org": "7", "eu": "true"}})},
			principal("ana", claims("org", "7")), "echo a", "no_match"},
		{"for a certificate", []acl.Rule{only(allow("echo", "a"), acl.Match{Certificate: &yes})}, principal("ana", certificate), "echo a",
			"allow echo a explicit_allow"},
		{"for a certificate that was not shown", []acl.Rule{only(allow("echo", "a"), acl.Match{Certificate: &yes})}, ana, "echo a", "no_match"},
		{"for no certificate", []acl.Rule{only(deny("echo", "a"), acl.Match{Certificate: &no})}, ana, "echo a", "deny echo a explicit_deny"},
		{"for no certificate, and one was shown", []acl.Rule{only(deny("echo", "a"), acl.Match{Certificate: &no})}, principal("ana", certificate), "echo a",
			"no_match"},
		{"all that is given must match", []acl.Rule{only(allow("echo", "a"), acl.Match{Users: []string{"ana"}, Roles: []string{"x"}})}, ana, "echo a",
			"no_match"},

		{"unless a role that one has", []acl.Rule{unless(allow("echo", "a"), member)}, principal("ana", roles("member")), "echo a", "no_match"},
		{"unless a role that one has not", []acl.Rule{unless(allow("echo", "a"), member)}, ana, "echo a", "allow echo a explicit_allow"},
		{"unless needs all that is given", []acl.Rule{unless(deny("echo", "a"), acl.Match{Users: []string{"ana"}, Certificate: &yes})}, ana, "echo a",
			"deny echo a explicit_deny"},
		{"for and unless", []acl.Rule{unless(only(allow("echo", "a"), member), acl.Match{Users: []string{"ana"}})}, principal("ana", roles("member")), "echo a",
			"no_match"},

		{"one's own user", []acl.Rule{allow("echo", "user:{user}:**")}, ana, "echo user:ana:inbox", "allow echo user:{user}:** explicit_allow"},
		{"another's user", []acl.Rule{allow("echo", "user:{user}:**")}, ana, "echo user:bob:inbox", "no_match"},
		{"a user with a colon", []acl.Rule{allow("echo", "u:{user}")}, principal("cert|spiffe://acme/x"), "echo u:cert|spiffe%3A%2F%2Facme%2Fx",
			"allow echo u:{user} explicit_allow"},
		{"a user too long for a segment", []acl.Rule{allow("echo", "u:{user}")}, principal(strings.Repeat("a", 129)), "echo u:a", "no_match"},
		{"the tenant", []acl.Rule{allow("echo", "{tenant}:*")}, ana, "echo acme:1", "allow echo {tenant}:* explicit_allow"},
		{"another tenant's name", []acl.Rule{allow("echo", "{tenant}:*")}, ana, "echo globex:1", "no_match"},
		{"a claim", []acl.Rule{allow("echo", "o:{claim.org}")}, principal("ana", claims("a", "1", "org", "7", "z", "2")), "echo o:7",
			"allow echo o:{claim.org} explicit_allow"},
		{"a claim whose name is a URL", []acl.Rule{allow("echo", "{claim.https://acme.example/org}:x")}, principal("ana", claims("https://acme.example/org", "7")),
			"echo 7:x", "allow echo {claim.https://acme.example/org}:x explicit_allow"},
		{"two templates", []acl.Rule{allow("echo", "{claim.org}:{user}")}, principal("ana", claims("org", "7")), "echo 7:ana",
			"allow echo {claim.org}:{user} explicit_allow"},
		{"a template, a star and a literal at one place", []acl.Rule{allow("echo", "{user}:1"), allow("echo", "*:2"), allow("echo", "ana:3")}, ana, "echo ana:2",
			"allow echo *:2 explicit_allow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkDecision(t, compiled(t, tt.rules...), tt.who, tt.ask, tt.want)
		})
	}
}

// checkDecision asks "action channel", or "manage", and wants "rule basis".
func checkDecision(t *testing.T, p *acl.Policy, who *auth.Principal, ask, want string) {
	t.Helper()
	verb, on, _ := strings.Cut(ask, " ")
	a, err := acl.ParseAction(verb)
	if err != nil {
		t.Fatal(err)
	}
	got := p.DecideManage(who)
	if a != acl.Manage {
		got = p.Decide(who, a, channel.MustParse(on))
	}
	if text := strings.TrimSpace(got.Rule + " " + string(got.Basis)); text != want {
		t.Errorf("%s by %q: got %q, want %q", ask, who.User, text, want)
	}
	if got.Allowed != (got.Basis == acl.ExplicitAllow) {
		t.Errorf("%s by %q: allowed is %v on the basis %s", ask, who.User, got.Allowed, got.Basis)
	}
}

// A claim is the identity service's text, and often the user's own choice.
func TestAClaimCannotCrossAWall(t *testing.T) {
	rules := []acl.Rule{allow("subscribe", "org:{claim.org}:news")}
	for _, value := range []string{
		"a:b", "*", "**", "%2A", "a/b", "{user}", "{claim.org}", "$sys", "", " ", "é", "\x00",
		strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("x", 1<<20),
	} {
		eve := principal("eve", claims("org", value))
		p := compiled(t, rules...)
		own, expressible := channel.Segment(value)
		for _, org := range []string{"a", "b", "acme", "%2A", "%252A", "a%3Ab", "%24sys", "org", strings.Repeat("x", 127), own} {
			if org == "" {
				continue
			}
			got := p.Decide(eve, acl.Subscribe, channel.MustParse("org:"+org+":news"))
			if want := expressible && org == own; got.Allowed != want {
				t.Errorf("claim %.20q on org:%s:news: allowed is %v, want %v", value, org, got.Allowed, want)
			}
		}
		for _, name := range []string{"org:a:b:news", "org:news", "org:a:b", "news"} {
			if p.Decide(eve, acl.Subscribe, channel.MustParse(name)).Allowed {
				t.Errorf("claim %.20q reached %s", value, name)
			}
		}
	}
}

func TestAClaimThatIsNotOneValueMatchesNothing(t *testing.T) {
	for _, rule := range []acl.Rule{allow("publish", "org:{claim.org}"), deny("publish", "org:{claim.org}")} {
		p := compiled(t, rule)
		checkDecision(t, p, principal("eve"), "publish org:a", "no_match")
		checkDecision(t, p, principal("eve", claims("Org", "a")), "publish org:a", "no_match")
		checkDecision(t, p, principal("eve", claims("org", "a", "org", "b")), "publish org:a", "no_match")
		checkDecision(t, p, principal("eve", claims("org", "a", "org", "a")), "publish org:a", "no_match")
		if got := p.Decide(principal("eve", claims("org", "a")), acl.Publish, channel.MustParse("org:a")); got.Rule != rule.Name {
			t.Errorf("a claim of one value: got %+v, want rule %q", got, rule.Name)
		}
	}
}

func TestAUserCannotPassForAnother(t *testing.T) {
	p := compiled(t, allow("subscribe", "user:{user}:inbox"))
	for _, user := range []string{"ana:inbox", "*", "**", "%61na", "ANA", "ana ", "ana/", "partner|ana", "cert|ana", "an", "anaa", ":ana", "{user}"} {
		checkDecision(t, p, principal(user), "subscribe user:ana:inbox", "no_match")
	}
	checkDecision(t, p, principal("a/b:c"), "subscribe user:a%2Fb%3Ac:inbox", "allow subscribe user:{user}:inbox explicit_allow")
}

func TestAnotherTenantsPrincipalIsDenied(t *testing.T) {
	all := []acl.Rule{allow("echo publish subscribe history presence", "**"), allow("manage")}
	p := compiled(t, all...)
	for _, id := range []tenant.ID{tenant.MustParse("globex"), tenant.MustParse("acme-2"), {}} {
		stranger := principal("ana")
		stranger.Tenant = id
		for _, a := range acl.Actions {
			got, want := p.Decide(stranger, a, channel.MustParse("room:1")), acl.Decision{Basis: acl.TenantMismatch}
			if a == acl.Manage {
				got = p.DecideManage(stranger)
			}
			if got != want {
				t.Errorf("%s by a principal of %q: got %+v, want %+v", a, id, got, want)
			}
		}
	}
}

func TestAPolicyOfNoTenantDenies(t *testing.T) {
	nobodys, problems := acl.Compile(tenant.ID{}, []acl.Rule{allow("echo", "**")})
	if problems != nil {
		t.Fatal(problems)
	}
	for name, p := range map[string]*acl.Policy{"zero": {}, "of the zero tenant": nobodys} {
		if got := p.Decide(&auth.Principal{}, acl.Echo, channel.MustParse("a")); got.Allowed || got.Basis != acl.TenantMismatch {
			t.Errorf("a policy that is %s: got %+v, want a denial by tenant_mismatch", name, got)
		}
	}
}

func TestNoChannelAndNoActionAreDenied(t *testing.T) {
	p := compiled(t, allow("echo publish subscribe history presence", "**", "*"))
	ana := principal("ana")
	if got := p.Decide(ana, acl.Echo, channel.Name{}); got.Basis != acl.NoMatch {
		t.Errorf("no channel: got %+v, want no_match", got)
	}
	if got := p.Decide(ana, acl.Action(0), channel.MustParse("a")); got.Basis != acl.NoMatch {
		t.Errorf("no action: got %+v, want no_match", got)
	}
}

func TestManage(t *testing.T) {
	operator := acl.Match{Roles: []string{"operator"}}
	p := compiled(t, allow("echo publish subscribe history presence", "**"), only(allow("manage"), operator), only(deny("manage"), acl.Match{Users: []string{"eve"}}))
	checkDecision(t, p, principal("ana"), "manage", "no_match")
	checkDecision(t, p, principal("ana", roles("operator")), "manage", "allow manage  explicit_allow")
	checkDecision(t, p, principal("eve", roles("operator")), "manage", "deny manage  explicit_deny")
	if got := p.Decide(principal("ana", roles("operator")), acl.Manage, channel.MustParse("a")); got.Allowed {
		t.Errorf("manage on a channel: got %+v, want a denial", got)
	}
}

// Enough rules at one pattern to be looked up, with every way to be found and one that cannot be.
func TestManyRulesAtOnePattern(t *testing.T) {
	var rules []acl.Rule
	add := func(name string, m acl.Match) {
		rules = append(rules, acl.Rule{Name: name, Allow: []string{"publish"}, Channels: []string{"desk"}, For: &m})
	}
	for _, n := range []string{"1", "2", "3"} {
		add("users "+n, acl.Match{Users: []string{"u" + n, "v" + n}})
		add("roles "+n, acl.Match{Roles: []string{"r" + n, "s" + n}})
		add("scopes "+n, acl.Match{Scopes: []string{"c" + n}})
		add("claims "+n, acl.Match{Claims: map[string]string{"org": n, "eu": "true"}})
		add("both "+n, acl.Match{Users: []string{"w"}, Roles: []string{"t" + n}})
	}
	add("certificate", acl.Match{Certificate: &yes})
	rules = append(rules, only(deny("publish", "desk"), acl.Match{Roles: []string{"banned"}}))
	p := compiled(t, rules...)
	for _, tt := range []struct {
		who  *auth.Principal
		want string
	}{
		{principal("x"), "no_match"},
		{principal("v2"), "users 2 explicit_allow"},
		{principal("x", roles("no", "s3", "r2")), "roles 2 explicit_allow"},
		{principal("x", scopes("c3")), "scopes 3 explicit_allow"},
		{principal("x", claims("eu", "true", "org", "2")), "claims 2 explicit_allow"},
		{principal("x", claims("eu", "false", "org", "2")), "no_match"},
		{principal("x", claims("org", "2")), "no_match"},
		{principal("w", roles("t2")), "both 2 explicit_allow"},
		{principal("y", roles("t2")), "no_match"},
		{principal("w"), "no_match"},
		{principal("x", certificate), "certificate explicit_allow"},
		{principal("u3", scopes("c1"), roles("r2")), "scopes 1 explicit_allow"},
		{principal("u1", roles("banned")), "deny publish desk explicit_deny"},
	} {
		checkDecision(t, p, tt.who, "publish desk", tt.want)
	}
}

// Centrifugo's capabilities only ever grant, and where others deny, the order decides in ways that nobody wrote down. Here a rule that denies wins in every order, and
// the order changes no answer.
func TestDenyWinsWhateverTheOrder(t *testing.T) {
	rules := []acl.Rule{
		allow("echo", "**"), deny("echo", "ops:**"), allow("publish", "ops:deploy"), deny("publish", "*:deploy"), allow("subscribe", "{user}:**"), deny("subscribe", "**"),
	}
	ana := principal("ana")
	asks := []string{"echo a", "echo ops:x", "publish ops:deploy", "publish a:deploy", "subscribe ana:x", "subscribe b", "history a"}
	answers := func(rules []acl.Rule) (all []acl.Decision) {
		p := compiled(t, rules...)
		for _, ask := range asks {
			verb, on, _ := strings.Cut(ask, " ")
			a, err := acl.ParseAction(verb)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p.Decide(ana, a, channel.MustParse(on)))
		}
		return all
	}
	want := answers(rules)
	for i, allowed := range []bool{true, false, false, false, false, false, false} {
		if want[i].Allowed != allowed {
			t.Errorf("%s: got %+v, want allowed %v", asks[i], want[i], allowed)
		}
	}
	var permute func(k int)
	orders := 0
	permute = func(k int) {
		if k == len(rules) {
			orders++
			if got := answers(rules); !slices.Equal(got, want) {
				t.Fatalf("in another order: got %+v, want %+v", got, want)
			}
			return
		}
		for i := k; i < len(rules); i++ {
			rules[k], rules[i] = rules[i], rules[k]
			permute(k + 1)
			rules[k], rules[i] = rules[i], rules[k]
		}
	}
	permute(0)
	if orders != 720 {
		t.Errorf("%d orders were tried, want 720", orders)
	}
}
