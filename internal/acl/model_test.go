package acl_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// model decides by going through the rules as they were written: the rules of docs/policy.md, read once and not compiled. A rule is about an action if it lists it, about a
// channel if one of its patterns matches segment by segment, about a user who fits all of for and not all of unless. A rule that denies wins; then one that allows, if the
// token's grants cover it too; else it is denied. It shares no code with the policy.
func model(rules []acl.Rule, pr *auth.Principal, a acl.Action, name string) acl.Decision {
	if pr.Tenant != acme {
		return acl.Decision{Basis: acl.TenantMismatch}
	}
	for _, effect := range []acl.Basis{acl.ExplicitDeny, acl.ExplicitAllow} {
		for _, r := range rules {
			list := r.Allow
			if effect == acl.ExplicitDeny {
				list = r.Deny
			}
			if !slices.Contains(list, a.String()) || r.For != nil && !fits(r.For, pr) || r.Unless != nil && fits(r.Unless, pr) {
				continue
			}
			if a == acl.Manage || slices.ContainsFunc(r.Channels, func(p string) bool {
				return covers(strings.Split(p, ":"), strings.Split(name, ":"), pr)
			}) {
				if effect == acl.ExplicitAllow && !granted(pr, a, name) {
					return acl.Decision{Basis: acl.NotGranted}
				}
				return acl.Decision{Allowed: effect == acl.ExplicitAllow, Rule: r.Name, Basis: effect}
			}
		}
	}
	return acl.Decision{Basis: acl.NoMatch}
}

// granted narrows: a token without grants is not narrowed, of those with some one must cover it.
func granted(pr *auth.Principal, a acl.Action, name string) bool {
	if pr.Grants == nil {
		return true
	}
	for _, g := range pr.Grants.List() {
		if slices.Contains(g.Actions, a.String()) && (a == acl.Manage || slices.ContainsFunc(g.Channels, func(p channel.Pattern) bool {
			return covers(strings.Split(p.String(), ":"), strings.Split(name, ":"), pr)
		})) {
			return true
		}
	}
	return false
}

func fits(m *acl.Match, pr *auth.Principal) bool {
	one := func(listed, held []string) bool {
		return listed == nil || slices.ContainsFunc(listed, func(s string) bool { return slices.Contains(held, s) })
	}
	for name, value := range m.Claims {
		if !slices.Contains(pr.Claims, auth.Claim{Name: name, Value: value}) {
			return false
		}
	}
	return one(m.Users, []string{pr.User}) && one(m.Roles, pr.Roles) && one(m.Scopes, pr.Scopes) &&
		(m.Certificate == nil || *m.Certificate == (pr.Certificate != nil))
}

func covers(pattern, name []string, pr *auth.Principal) bool {
	switch {
	case len(pattern) == 0 || len(name) == 0:
		return len(pattern) == len(name)
	case pattern[0] == "**":
		return true
	case pattern[0] == "*":
	case strings.HasPrefix(pattern[0], "{"):
		value, one := meant(pattern[0], pr)
		if !one || written(value) != name[0] {
			return false
		}
	case pattern[0] != name[0]:
		return false
	}
	return covers(pattern[1:], name[1:], pr)
}

// meant returns the value that a template stands for.
func meant(template string, pr *auth.Principal) (value string, one bool) {
	switch template {
	case "{user}":
		return pr.User, true
	case "{tenant}":
		return pr.Tenant.String(), true
	}
	count := 0
	for _, c := range pr.Claims {
		if "{claim."+c.Name+"}" == template {
			value, count = c.Value, count+1
		}
	}
	return value, count == 1
}

func written(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if strings.IndexByte("-_.~@+=|", c) >= 0 || c >= '0' && c <= '9' || c|32 >= 'a' && c|32 <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// dice makes rules, principals and names out of bytes, so that a fuzzer can steer them. It has few words, so that they meet.
type dice struct{ data []byte }

// roll returns 0 to n-1, and 0 when the bytes are used up.
func (d *dice) roll(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % n
}

func (d *dice) pick(words []string) string { return words[d.roll(len(words))] }

// some returns up to three different words.
func (d *dice) some(words []string) (list []string) {
	for range 1 + d.roll(3) {
		if w := d.pick(words); !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

var (
	values   = []string{"a", "b", "c", "acme", "a:b", "*", "**", "%2A", "é", "a/b", strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat(":", 43)}
	segments = []string{"a", "b", "c", "acme", "a%3Ab", "%2A", "%2A%2A", "%252A", "%C3%A9", "a%2Fb", strings.Repeat("a", 128)}
	branches = []string{"a", "b", "acme", "a%3Ab", "%2A", "*", "*", "{user}", "{tenant}", "{claim.x}", "{claim.y}"}
	held     = []string{"r", "s", "t", "u", "v", "w"}
	verbs    = []string{"echo", "publish", "subscribe", "history", "presence"}
)

func (d *dice) rules() (rules []acl.Rule) {
	words, depth := branches, 1+d.roll(4)
	if d.roll(3) == 0 { // so many rules at few patterns that they are looked up
		words, depth = []string{"a", "*"}, 1
	}
	for i := range d.roll(48) {
		r := acl.Rule{Name: fmt.Sprint("rule ", i)}
		list := d.some(verbs)
		if d.roll(12) == 0 {
			list = []string{"manage"}
		} else {
			for range 1 + d.roll(2) {
				r.Channels = append(r.Channels, d.pattern(words, depth))
			}
		}
		if d.roll(4) == 0 {
			r.Deny = list
		} else {
			r.Allow = list
		}
		if d.roll(3) > 0 {
			r.For = d.match()
		}
		if d.roll(4) == 0 {
			r.Unless = d.match()
		}
		rules = append(rules, r)
	}
	return rules
}

func (d *dice) pattern(words []string, depth int) string {
	var p []string
	for range 1 + d.roll(depth) {
		p = append(p, d.pick(words))
	}
	if d.roll(4) == 0 {
		p = append(p, "**")
	}
	return strings.Join(p, ":")
}

func (d *dice) match() *acl.Match {
	m := &acl.Match{}
	what := 1 << d.roll(5)
	if d.roll(2) == 0 {
		what = 1 + d.roll(31)
	}
	if what&1 != 0 {
		m.Users = d.some(values)
	}
	if what&2 != 0 {
		m.Roles = d.some(held)
	}
	if what&4 != 0 {
		m.Scopes = d.some(held)
	}
	if what&8 != 0 {
		m.Claims = map[string]string{d.pick([]string{"x", "y"}): d.pick(values)}
	}
	if what&16 != 0 {
		shown := d.roll(2) == 0
		m.Certificate = &shown
	}
	return m
}

func (d *dice) principal() *auth.Principal {
	p := principal(d.pick(values), func(p *auth.Principal) {
		if d.roll(2) == 0 {
			p.Certificate = new(auth.Certificate)
		}
	})
	if d.roll(3) > 0 {
		roles(d.some(held)...)(p)
	}
	if d.roll(3) > 0 {
		scopes(d.some(held)...)(p)
	}
	var pairs []string
	for range d.roll(4) {
		pairs = append(pairs, d.pick([]string{"x", "y"}), d.pick(values))
	}
	claims(pairs...)(p)
	if d.roll(8) == 1 {
		p.Grants = d.grants()
	}
	if d.roll(40) == 1 {
		p.Tenant = tenant.MustParse("globex")
	}
	return p
}

func (d *dice) grants() *auth.Grants {
	var list []auth.Grant
	for range d.roll(3) {
		if d.roll(6) == 0 {
			list = append(list, auth.Grant{Actions: []string{auth.OnTenant}})
			continue
		}
		g := auth.Grant{Actions: d.some(verbs)}
		for range 1 + d.roll(2) {
			p, err := channel.ParsePattern(d.pattern([]string{"a", "b", "acme", "%2A", "*", "*"}, 3))
			if err != nil {
				panic(err)
			}
			g.Channels = append(g.Channels, p)
		}
		list = append(list, g)
	}
	return auth.NewGrants(list)
}

func (d *dice) name() string {
	n := d.pick(segments)
	for range d.roll(4) {
		if next := n + ":" + d.pick(segments); len(next) <= channel.MaxLen {
			n = next
		}
	}
	return n
}

// compare puts questions to a policy and to the model and returns how often each basis was the answer.
func compare(t *testing.T, d *dice, questions int) map[acl.Basis]int {
	t.Helper()
	rules := d.rules()
	p, problems := acl.Compile(acme, rules)
	if problems != nil {
		t.Fatalf("rules %+v: problems %q", rules, problems)
	}
	seen := map[acl.Basis]int{}
	for range questions {
		pr, a, name := d.principal(), acl.Actions[d.roll(len(acl.Actions))], d.name()
		got := p.DecideManage(pr)
		if a != acl.Manage {
			got = p.Decide(pr, a, channel.MustParse(name))
		}
		if want := model(rules, pr, a, name); got != want {
			t.Fatalf("%s on %s by %+v:\ngot  %+v\nwant %+v\nby the rules %+v", a, name, *pr, got, want, rules)
		}
		seen[got.Basis]++
	}
	return seen
}

// A hundred thousand decisions of generated policies, or a million with PORTCULLIS_LONG=1, each by other rules than before. PORTCULLIS_SEED replays what failed.
func TestThePolicyAgreesWithTheModel(t *testing.T) {
	const questions = 100
	decisions, first := 100_000, uint64(42)
	if os.Getenv("PORTCULLIS_LONG") != "" {
		decisions, first = 1_000_000, rand.Uint64()
	}
	if text := os.Getenv("PORTCULLIS_SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("PORTCULLIS_SEED is %q: %v", text, err)
		}
	}
	t.Logf("%d decisions, PORTCULLIS_SEED=%d", decisions, first)
	chance := rand.New(rand.NewPCG(first, 4))
	total := map[acl.Basis]int{}
	data := make([]byte, 4096)
	for range decisions / questions {
		for i := 0; i < len(data); i += 8 {
			binary.LittleEndian.PutUint64(data[i:], chance.Uint64())
		}
		for basis, n := range compare(t, &dice{data}, questions) {
			total[basis] += n
		}
	}
	// A comparison that hardly ever meets a rule would prove little.
	for _, basis := range acl.Bases {
		if total[basis] < decisions/200 {
			t.Errorf("%d of %d decisions were %s; want the cases to be mixed: %v", total[basis], decisions, basis, total)
		}
	}
}

// Whatever the rules, the principal and the name: the policy decides as the model does and names the same rule.
func FuzzDecide(f *testing.F) {
	seed := rand.NewChaCha8([32]byte{7})
	for range 8 {
		data := make([]byte, 600)
		seed.Read(data)
		f.Add(data)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, &dice{data}, 10) })
}

// Compile never panics, and what it refuses it explains with a path and a message.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{"user:{user}:**", "{claim.https://a/b}:x", "{", "}", "{}", "{claim.}", "{user}:", "a:{user", "{user}}", "*", "**", "a*", ""} {
		f.Add(s, "publish", "member")
	}
	f.Fuzz(func(t *testing.T, pattern, action, role string) {
		p, problems := acl.Compile(acme, []acl.Rule{only(allow(action, pattern), acl.Match{Roles: []string{role}})})
		if (p == nil) != (len(problems) > 0) {
			t.Fatalf("got policy %v and problems %q", p, problems)
		}
		for _, problem := range problems {
			if !strings.HasPrefix(problem.Path, "rules[0]") || problem.Message == "" {
				t.Fatalf("got %+v", problem)
			}
		}
	})
}
