package blackbox_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// Rules on trial change nothing for anybody: one client's story is told twice, without a candidate and with one that denies all, and every byte is the same.
func TestACandidateIsHeardByNobodyButTheOperator(t *testing.T) {
	t.Parallel()
	without := start(t, options{})
	with := start(t, options{acme: tenantOptions{more: `candidate:
  rules:
    - { name: nothing but the lab, allow: [echo], channels: ["lab:*"] }
    - { name: everybody on ops, allow: [publish], channels: ["ops:**"] }
  tests: [{ as: { user: ana }, deny: [manage] }]`}, globex: tenantOptions{more: `candidate:
  rules: [{ name: nothing but the lab, allow: [echo], channels: ["lab:*"] }]`}})
	story := func(g *gateway) (heard []string) {
		c := g.dial(t, acme.token("ana", roles("member")))
		for _, request := range []string{
			`{"type":"echo","id":1,"channel":"lab:rtt","data":1}`, `{"type":"subscribe","id":2,"channel":"room:1"}`, `{"type":"publish","channel":"room:1","data":2}`,
			`{"type":"publish","id":4,"channel":"ops:x","data":3}`, `{"type":"subscribe","id":5,"channel":"user:bob:inbox"}`, `{"type":"subscribe","id":6,"channel":"user:ana:inbox"}`,
		} {
			c.say("%s", request)
			got := c.verbatim()
			if e := make(entry); json.Unmarshal([]byte(got), &e) == nil && e["type"] == "message" {
				got = mustJSON([]any{e["channel"], e["data"]})
			}
			heard = append(heard, got)
		}
		return heard
	}
	if a, b := story(without), story(with); strings.Join(a, "\n") != strings.Join(b, "\n") {
		t.Errorf("without a candidate:\n%s\nwith one:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
	for _, want := range []struct {
		action, change string
		times          float64
	}{{"subscribe", "would_deny", 2}, {"publish", "would_deny", 1}, {"publish", "would_allow", 1}, {"echo", "would_deny", 0}, {"manage", "would_allow", 0}} {
		with.until(t, want.times, "portcullis_policy_candidate_disagreements_total", "action", want.action, "change", want.change)
	}
	// They are acme's alone, although globex has a candidate that disagrees with its rules too: nobody has asked it anything.
	page := with.tenants(t)
	for change, times := range map[string]float64{"would_deny": 3, "would_allow": 1} {
		page.wants(t, times, "candidate_disagreements_total", "tenant", "acme", "change", change)
		page.wants(t, 0, "candidate_disagreements_total", "tenant", "globex", "change", change)
		page.wants(t, 0, "candidate_disagreements_total", "tenant", "_other", "change", change)
	}
	line := with.logged(t, entry{"event": "policy.candidate", "tenant": "acme", "user": "ana", "action": "publish", "channel": "ops:x", "change": "would_allow"})
	if !line.has(entry{"rule": "nobody publishes on ops", "basis": "explicit_deny", "candidate_rule": "everybody on ops", "candidate_basis": "explicit_allow"}) {
		t.Errorf("got %v, want both rules", line)
	}
	if total, _ := without.scrape(t).sum("portcullis_policy_candidate_disagreements_total"); total != 0 {
		t.Errorf("without a candidate there are %v disagreements", total)
	}
	// Pages and backends ask the same rules.
	with.may(t, acme.token("ana", roles("member")), `{"checks":[{"action":"publish","channel":"ops:x"},{"action":"publish","channel":"room:1"}]}`, no, yes)
}

// A candidate whose tests fail is as wrong as rules whose tests fail: it would be put to use as it stands.
func TestServeRefusesACandidateThatFailsItsTests(t *testing.T) {
	t.Parallel()
	broken{options: options{acme: tenantOptions{more: `candidate:
  rules: [{ name: all, allow: [publish], channels: ["**"] }]
  tests: [{ as: { user: ana }, deny: ["publish ops:x"] }]`}}, place: "tenants/acme.yaml:25:39", says: `rule "all" allows it`}.refusedThere(t)
}
