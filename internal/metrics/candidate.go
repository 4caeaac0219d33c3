package metrics

import (
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/acl"
	"portcullis/internal/realm"
)

// candidateObserver implements [realm.CandidateObserver].
type candidateObserver struct{ disagreements counters[disagreement] }

// disagreement is what tells one disagreement from another, without the tenant and its rules.
type disagreement struct {
	action acl.Action
	change realm.Change
}

func newCandidates(f promauto.Factory) candidateObserver {
	r := make(rows[disagreement])
	for _, action := range acl.Actions {
		for _, change := range realm.Changes {
			r.row(disagreement{action, change}, action.String(), string(change))
		}
	}
	return candidateObserver{newCounters(f, "policy_candidate_disagreements_total",
		"Questions that the rules on trial (a tenant's candidate) would have answered otherwise than its rules did, by what was asked and what would change. "+
			"The log has the tenant, the user and both rules (event policy.candidate). Where this does not rise any more, the candidate may become the rules.",
		[]string{"action", "change"}, r, other, other)}
}

// Disagreed implements [realm.CandidateObserver].
func (o *candidateObserver) Disagreed(d *realm.Disagreement) {
	o.disagreements.of(disagreement{d.Action, d.Change()}).Inc()
}

// Candidates hears where tenants' candidates disagree with their rules.
func (m *Metrics) Candidates() realm.CandidateObserver { return &m.candidates }
