package realm

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/mtls"
	"portcullis/internal/auth/mtls/crl"
	"portcullis/internal/config"
	"portcullis/internal/limit"
	"portcullis/internal/tenant"
)

// Options are what a snapshot needs besides its configuration.
type Options struct {
	Log  *slog.Logger
	Keys jwks.Observer // nil for none
	// Lists hears of certificate revocation lists; nil for none.
	Lists crl.Observer
	// Candidates hears where tenants' candidates disagree with their policies; nil for nobody.
	Candidates CandidateObserver
	// Gate bounds how many tokens' signatures are verified at once, and CertificateGate how many chains: apart, because a stranger's chain costs
	// more than a token, and must not keep the honest tokens waiting. Without the second the first serves both.
	Gate, CertificateGate auth.Gate
	// Outboxes count what waits for slow readers of all tenants; nil for nobody.
	Outboxes *limit.Outboxes
	// Previous is the snapshot that this one is to follow; nil for none. What is unchanged is carried over: accounts, on which live connections hold places; keys,
	// which are not fetched again; revocation lists; signatures that were verified. Building changes nothing of it.
	Previous *Snapshot
}

// builder is one building of a snapshot. It goes on after a problem, so that an operator hears of all of them at once.
type builder struct {
	config   *config.Config
	options  Options
	previous *Snapshot
	problems []config.Problem
	compiled []compiled // of each tenant

	snapshot    *Snapshot
	issuers     []jwt.Issuer
	authorities []mtls.Authority
}

// Build compiles every tenant of a configuration and runs its policy tests. It reads the key and authority files, and fetches nothing. It
// returns a snapshot unless one of the problems is an error.
func Build(c *config.Config, o Options) (*Snapshot, []config.Problem) {
	if o.CertificateGate == nil {
		o.CertificateGate = o.Gate
	}
	b := &builder{config: c, options: o, previous: o.Previous}
	if b.previous == nil {
		b.previous = new(Snapshot)
	}
	b.options.Previous = nil // or the first snapshot would live as long as the last
	b.snapshot = &Snapshot{
		options: b.options, tenants: make(map[tenant.ID]*Tenant, len(c.Tenants)), origins: make(map[string]struct{}), sources: make(map[origin]*jwks.Source),
	}
	b.policies()
	for i := range c.Tenants {
		b.tenant(&c.Tenants[i], &b.compiled[i])
	}
	b.snapshot.sort()
	b.verifiers()
	if config.Failed(b.problems) {
		return nil, b.problems
	}
	return b.snapshot, b.problems
}

func (b *builder) add(p config.Problem) { b.problems = append(b.problems, p) }

func (b *builder) tenant(c *config.Tenant, rules *compiled) {
	id, err := tenant.Parse(c.ID)
	if err != nil {
		b.add(c.Problem("id", "%v", err))
		return
	}
	if b.snapshot.tenants[id] != nil {
		b.add(c.Problem("id", "tenant %s is configured twice; ids are unique", id))
		return
	}
	t := &Tenant{ID: id, origins: make(map[string]struct{}, len(c.Origins)), config: c, limits: limitsOf(c.Limits), Policy: rules.policy, candidate: rules.candidate}
	for _, origin := range c.Origins {
		t.origins[origin] = struct{}{}
		b.snapshot.origins[origin] = struct{}{}
	}
	b.snapshot.tenants[id] = t
	if was := b.previous.tenants[id]; was != nil {
		t.Account, t.Counts = was.Account, was.Counts
	} else {
		t.Account, t.Counts = b.options.Outboxes.Tenant(t.limits), new(Counts)
	}
	if rules.trial != nil {
		t.candidate = newCandidate(rules.trial, t.Counts, b.options.Log, b.options.Candidates)
	}
	b.problems = append(b.problems, rules.problems...)
	if was := b.previous.tenants[id]; was != nil && reflect.DeepEqual(was.config.Channels, c.Channels) {
		t.Channels = was.Channels
	} else {
		b.channels(c, t)
	}
	b.choices(c, t, rules.kept)
	first := len(b.issuers)
	for i, issuer := range c.Issuers {
		b.issuer(c, id, i)
		t.TokenLife = max(t.TokenLife, time.Duration(issuer.MaxLifetime)+2*time.Duration(issuer.Leeway)) // of a clock that is ahead, and until after exp
	}
	if !rules.kept { // what its issuers say to each other is said already
		b.alone(c, b.issuers[first:])
	}
	if c.Certificates != nil {
		b.authority(c, t)
	}
}

func limitsOf(l config.Limits) limit.Limits {
	return limit.Limits{
		Connections:              int(l.Connections),
		ConnectionsPerUser:       int(l.ConnectionsPerUser),
		ConnectionsPerSecond:     int(l.ConnectionsPerSecond),
		Subscriptions:            int(l.Subscriptions),
		SubscriptionsPerConn:     int(l.SubscriptionsPerConnection),
		Channels:                 int(l.Channels),
		MessageSize:              int(l.MessageSize),
		MessagesPerSecond:        int(l.MessagesPerSecond),
		MessagesPerSecondPerUser: int(l.MessagesPerSecondPerUser),
		MessagesPerSecondPerConn: int(l.MessagesPerSecondPerConnection),
		BytesPerSecond:           int(l.BytesPerSecond),
		BytesPerSecondPerConn:    int(l.BytesPerSecondPerConnection),
		Outbox:                   int(l.Outbox),
		History:                  int(l.History),
	}
}

// atOnce bounds how many key sets are fetched at the same time.
const atOnce = 64

// Fetch reads once every key set that was not carried over, and returns what failed. It is for whoever cannot wait until [Registry.Run] has fetched.
func (s *Snapshot) Fetch(ctx context.Context) error {
	errs := make([]error, len(s.fresh))
	turns := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, k := range s.fresh {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			errs[i] = k.Fetch(ctx)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// beside adds to a token's principal the certificate that was shown with it.
func (s *Snapshot) beside(ctx context.Context, p *auth.Principal, chain []*x509.Certificate, now time.Time) (*auth.Principal, error) {
	if s.certificates == nil {
		return nil, auth.Refuse(auth.CertificateUntrusted, "no tenant has authorities for certificates")
	}
	id, certificate, err := s.certificates.Tenant(ctx, chain, now)
	if err != nil {
		return nil, err
	}
	if id != p.Tenant {
		return nil, auth.Refuse(auth.CertificateTenant, "the token is of tenant %s, the certificate beside it of tenant %s", p.Tenant, id)
	}
	over(p, certificate)
	return p, nil
}

// above adds to a token's principal the certificate that was verified when the client came in. It is of the same tenant: a refresh cannot change that.
func (s *Snapshot) above(p *auth.Principal, shown *auth.Certificate, now time.Time) (*auth.Principal, error) {
	over(p, shown)
	if !now.Before(shown.Expires) {
		return nil, auth.Refuse(auth.CertificateExpired, "the certificate of the connection ended at %s", shown.Expires.UTC().Format(time.RFC3339))
	}
	return p, s.CheckCertificate(p, now)
}

// over says that the principal came over a certificate: its right ends with the first of the two.
func over(p *auth.Principal, c *auth.Certificate) {
	p.Certificate = c
	if c.Expires.Before(p.Expires) {
		p.Expires = c.Expires
	}
}
