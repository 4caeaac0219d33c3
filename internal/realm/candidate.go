package realm

import (
	"context"
	"log/slog"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/limit"
)

// Change is what a candidate would make of a decision. The set is closed: it is a metric label.
type Change string

// The changes.
const (
	WouldAllow Change = "would_allow"
	WouldDeny  Change = "would_deny"
)

// Changes lists every change, for label sets that are created at zero.
var Changes = []Change{WouldAllow, WouldDeny}

// Disagreement is a decision that a tenant's candidate would have made otherwise. It took effect as its policy made it.
type Disagreement struct {
	Principal         *auth.Principal
	Action            acl.Action
	Channel           channel.Name // the zero Name of manage
	Active, Candidate acl.Decision
}

// Change returns what the candidate would make of it.
func (d *Disagreement) Change() Change {
	if d.Candidate.Allowed {
		return WouldAllow
	}
	return WouldDeny
}

// CandidateObserver hears of disagreements. Its method must not wait: decisions do for it.
type CandidateObserver interface{ Disagreed(d *Disagreement) }

// candidate is a policy on trial, beside the one that decides.
type candidate struct {
	policy   *acl.Policy
	counts   *Counts           // the tenant's
	observer CandidateObserver // nil for nobody
	log      *slog.Logger
	lines    *limit.Lines
}

// candidateLines is how many disagreements of one tenant are written down in a second. All are counted. A tenant has lines of its own, so that the storm of one hides no line of another.
const candidateLines = 10

func newCandidate(p *acl.Policy, counts *Counts, log *slog.Logger, o CandidateObserver) *candidate {
	return &candidate{policy: p, counts: counts, observer: o, log: log, lines: limit.NewLines(candidateLines)}
}

// compare tells of a disagreement. Two rules that come to the same answer agree.
func (c *candidate) compare(p *auth.Principal, a acl.Action, name channel.Name, active, other acl.Decision) {
	if active.Allowed == other.Allowed {
		return
	}
	c.disagree(&Disagreement{p, a, name, active, other})
}

func (c *candidate) disagree(d *Disagreement) {
	c.counts.disagree(d.Change())
	if c.observer != nil {
		c.observer.Disagreed(d)
	}
	suppressed, ok := c.lines.Next(time.Now())
	if !ok {
		return
	}
	c.log.LogAttrs(context.Background(), slog.LevelInfo, "candidate disagrees",
		slog.String("event", "policy.candidate"),
		slog.String("tenant", d.Principal.Tenant.String()),
		slog.String("user", d.Principal.User),
		slog.String("action", d.Action.String()),
		slog.String("channel", d.Channel.String()),
		slog.String("change", string(d.Change())),
		slog.String("basis", string(d.Active.Basis)),
		slog.String("rule", d.Active.Rule),
		slog.String("candidate_basis", string(d.Candidate.Basis)),
		slog.String("candidate_rule", d.Candidate.Rule),
		slog.Int64("suppressed", suppressed),
	)
}
