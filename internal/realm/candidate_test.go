package realm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

const onTrial = `
  - id: acme
    issuers: [{issuer: "https://id.acme.example", audience: portcullis, jwks_file: acme-jwks.json}]
    rules:
      - {name: rooms, allow: [subscribe, publish], channels: ["room:*"]}
      - {name: ana manages, allow: [manage], for: {users: [ana]}}
    tests: [{as: {user: bob}, allow: ["publish room:1"]}]
`

const trial = `
    candidate:
      rules:
        - {name: everybody hears, allow: [subscribe], channels: ["room:*", "news:*"]}
        - {name: members talk, allow: [publish], channels: ["room:*"], for: {roles: [member]}}
      tests: [{as: {user: bob}, deny: ["publish room:1"]}]
`

// disagreements is an observer that remembers.
type disagreements []*realm.Disagreement

func (d *disagreements) Disagreed(one *realm.Disagreement) { *d = append(*d, one) }

// tried builds a tenant whose candidate is observed, and returns it with what its log writes.
func (w *world) tried(tenants string) (*realm.Tenant, *disagreements, *bytes.Buffer) {
	w.t.Helper()
	w.write("portcullis.yaml", "listen: {plaintext: true}\ntenants:\n"+tenants)
	c, problems := config.Load(filepath.Join(w.dir, "portcullis.yaml"))
	if config.Failed(problems) {
		w.t.Fatal(problems)
	}
	out, seen := new(bytes.Buffer), new(disagreements)
	s, problems := realm.Build(c, realm.Options{Log: slog.New(slog.NewJSONHandler(out, nil)), Gate: auth.NewSlots(2), Candidates: seen})
	if config.Failed(problems) {
		w.t.Fatal(problems)
	}
	return s.Tenant(tenant.MustParse("acme")), seen, out
}

// questions is every kind of question that can be asked of a tenant.
func questions(t *realm.Tenant, ask func(text string, d acl.Decision)) {
	for _, p := range []*auth.Principal{
		{Tenant: t.ID, User: "ana"}, {Tenant: t.ID, User: "bob"}, {Tenant: t.ID, User: "bob", Roles: []string{"member"}}, {Tenant: tenant.MustParse("globex"), User: "ana"},
	} {
		for _, name := range []string{"room:1", "news:1", "other:1"} {
			n, err := channel.Parse(name)
			if err != nil {
				panic(err)
			}
			for _, a := range acl.Actions[:5] {
				ask(fmt.Sprint(p.Tenant, p.User, p.Roles, a, name), t.Decide(p, a, n))
			}
		}
		ask(fmt.Sprint(p.Tenant, p.User, p.Roles, "manage"), t.DecideManage(p))
	}
}

func TestACandidateChangesNoAnswer(t *testing.T) {
	w := newWorld(t)
	without, _, _ := w.tried(onTrial)
	with, seen, _ := w.tried(onTrial + trial)
	answers := make(map[string]acl.Decision)
	questions(without, func(text string, d acl.Decision) { answers[text] = d })
	questions(with, func(text string, d acl.Decision) {
		if d != answers[text] {
			t.Errorf("%s: got %v with a candidate, %v without", text, d, answers[text])
		}
	})
	got := make(map[string]int)
	for _, d := range *seen {
		got[fmt.Sprintf("%s %s %s", d.Action, d.Channel, d.Change())]++
		if d.Active.Allowed == d.Candidate.Allowed || d.Principal.Tenant != with.ID {
			t.Errorf("it tells of %+v, which is no disagreement", d)
		}
	}
	want := map[string]int{"publish room:1 would_deny": 2, "subscribe news:1 would_allow": 3, "manage  would_deny": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestADisagreementIsWrittenDownWithBothRules(t *testing.T) {
	acme, _, out := newWorld(t).tried(onTrial + trial)
	name, _ := channel.Parse("room:1")
	acme.Decide(&auth.Principal{Tenant: acme.ID, User: "bob"}, acl.Publish, name)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	delete(line, "time")
	want := map[string]any{
		"level": "INFO", "msg": "candidate disagrees", "event": "policy.candidate", "tenant": "acme", "user": "bob", "action": "publish", "channel": "room:1", "change": "would_deny",
		"basis": "explicit_allow", "rule": "rooms", "candidate_basis": "no_match", "candidate_rule": "", "suppressed": 0.0,
	}
	if fmt.Sprint(line) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", line, want)
	}
}

// A client decides how often it asks. It does not decide how much is written, and what is left out is counted in the next line.
func TestAStormOfDisagreementsWritesFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acme, seen, out := newWorld(t).tried(onTrial + trial)
		name, _ := channel.Parse("room:1")
		ask := func() { acme.Decide(&auth.Principal{Tenant: acme.ID, User: "bob"}, acl.Publish, name) }
		for range 1000 {
			ask()
		}
		if got := strings.Count(out.String(), "\n"); got != 20 || len(*seen) != 1000 {
			t.Errorf("got %d lines of %d disagreements, want 20 of 1000", got, len(*seen))
		}
		out.Reset()
		time.Sleep(time.Second)
		ask()
		if !strings.Contains(out.String(), `"suppressed":980`) {
			t.Errorf("got %s, want 980 suppressed", out)
		}
	})
}

// What a decision costs without a candidate is what the policy costs, and one comparison.
func BenchmarkDecide(b *testing.B) {
	name, err := channel.Parse("room:1")
	if err != nil {
		b.Fatal(err)
	}
	without, _, _ := newWorld(b).tried(onTrial)
	with, _, _ := newWorld(b).tried(onTrial + trial)
	p := &auth.Principal{Tenant: with.ID, User: "bob", Roles: []string{"member"}}
	for _, bb := range []struct {
		name   string
		decide func(*auth.Principal, acl.Action, channel.Name) acl.Decision
	}{{"the policy alone", without.Policy.Decide}, {"without a candidate", without.Decide}, {"with one that agrees", with.Decide}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bb.decide(p, acl.Publish, name)
			}
		})
	}
}
