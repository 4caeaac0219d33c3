package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"portcullis/internal/auth"
)

// Verified is what was verified behind a gate. The set is closed: it is a metric label.
type Verified string

// What is verified.
const (
	Signatures Verified = "signature" // of tokens, and of what proves that they are whose they say
	Chains     Verified = "chain"     // of certificates
)

func newVerifications(f promauto.Factory) counters[Verified] {
	return newCounters(f, "verifications_total",
		"Signatures of tokens and proofs, and chains of certificates, that were computed, with whatever result. A token that was seen before costs none: far fewer than handshakes "+
			"is well, and far more than clients is a flood.",
		label("kind"), rows[Verified]{Signatures: {string(Signatures)}, Chains: {string(Chains)}}, other)
}

// Counted returns g, whose turns are counted.
func (m *Metrics) Counted(what Verified, g auth.Gate) auth.Gate {
	return counted{g, m.verifications.of(what)}
}

type counted struct {
	auth.Gate
	turns prometheus.Counter
}

// Acquire implements [auth.Gate].
func (c counted) Acquire(ctx context.Context) error {
	err := c.Gate.Acquire(ctx)
	if err == nil {
		c.turns.Inc()
	}
	return err
}
