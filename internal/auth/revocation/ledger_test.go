package revocation_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
)

var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
)

// nodes are gateways that share one engine: what is announced is heard by every ledger.
type nodes struct {
	t       *testing.T
	engine  *memory.Broker
	ledgers []*revocation.Ledger
	changes []*atomic.Int32
}

type ear struct {
	heard func([]byte)
	up    chan struct{}
}

func (ear) Message(*message.Message)   {}
func (ear) Gap(channel.Ref)            {}
func (e ear) Command(c broker.Command) { e.heard(c.Data) }
func (e ear) Up()                      { close(e.up) }
func (ear) Down(error)                 {}

// cluster returns n nodes that know what the engine keeps.
func cluster(t *testing.T, n int) *nodes {
	t.Helper()
	c := &nodes{t: t, engine: memory.New()}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait() })
	e := ear{func(data []byte) {
		for _, l := range c.ledgers {
			l.Heard(data)
		}
	}, make(chan struct{})}
	all.Go(func() { c.engine.Run(ctx, e) })
	<-e.up
	for range n {
		changes := new(atomic.Int32)
		c.changes = append(c.changes, changes)
		c.ledgers = append(c.ledgers, revocation.NewLedger(c.engine.State(), c.announce, func(revocation.Change) { changes.Add(1) }, slog.New(slog.DiscardHandler)))
	}
	for _, l := range c.ledgers {
		all.Go(func() { l.Run(ctx) })
		<-l.Ready()
	}
	return c
}

func (c *nodes) announce(ctx context.Context, data []byte) error {
	return c.engine.Control(ctx, broker.Command{Kind: "revocation", Data: data})
}

func (c *nodes) revoke(r revocation.Revocation) {
	c.t.Helper()
	if err := c.ledgers[0].Revoke(c.t.Context(), r); err != nil {
		c.t.Fatal(err)
	}
}

// refuses reports what every node says of p, and fails where they disagree.
func (c *nodes) refuses(p *auth.Principal) auth.Reason {
	c.t.Helper()
	first := auth.ReasonOf(c.ledgers[0].Check(p, time.Now()))
	for i, l := range c.ledgers {
		if got := auth.ReasonOf(l.Check(p, time.Now())); got != first {
			c.t.Errorf("node %d says %q, node 0 says %q", i, got, first)
		}
	}
	return first
}

// ana is a user of acme with everything that she can be known by.
func ana(change ...func(*auth.Principal)) *auth.Principal {
	p := &auth.Principal{
		Tenant: acme, User: "ana", Issuer: "https://id.acme.example", KeyID: "k1", TokenID: "t1", Session: "s1",
		Method: auth.Bearer, Issued: time.Now().Add(-time.Minute), Expires: time.Now().Add(time.Hour),
	}
	for _, c := range change {
		c(p)
	}
	return p
}

var leafSum = sha256.Sum256([]byte("a certificate"))

func withCertificate(p *auth.Principal) { p.Certificate = &auth.Certificate{Fingerprint: leafSum} }
func issuedNow(p *auth.Principal)       { p.Issued = time.Now().Add(time.Second) }

func TestWhatARevocationEnds(t *testing.T) {
	other := func(change func(*auth.Principal)) func(*auth.Principal) { return change }
	tests := []struct {
		name       string
		revocation revocation.Revocation
		principal  *auth.Principal
		ended      bool
	}{
		{"the token", revocation.Revocation{Kind: revocation.Token, Value: "t1"}, ana(), true},
		{"another token of the user", revocation.Revocation{Kind: revocation.Token, Value: "t1"}, ana(other(func(p *auth.Principal) { p.TokenID = "t2" })), false},
		{"a token without an id", revocation.Revocation{Kind: revocation.Token, Value: "t1"}, ana(other(func(p *auth.Principal) { p.TokenID = "" })), false},
		{"the token of one issuer", revocation.Revocation{Kind: revocation.Token, Value: "t1", Issuer: "https://id.acme.example"}, ana(), true},
		{"the same id of another issuer", revocation.Revocation{Kind: revocation.Token, Value: "t1", Issuer: "https://partner.example"}, ana(), false},
		{"the user", revocation.Revocation{Kind: revocation.User, Value: "ana", Before: time.Now()}, ana(), true},
		{"the user, a token issued later", revocation.Revocation{Kind: revocation.User, Value: "ana", Before: time.Now()}, ana(issuedNow), false},
		{"the user, a token that does not say when", revocation.Revocation{Kind: revocation.User, Value: "ana", Before: time.Now()},
			ana(func(p *auth.Principal) { p.Issued = time.Time{} }), true},
		{"another user", revocation.Revocation{Kind: revocation.User, Value: "ana", Before: time.Now()}, ana(func(p *auth.Principal) { p.User = "bob" }), false},
		{"a partner's user of that name", revocation.Revocation{Kind: revocation.User, Value: "ana", Before: time.Now()}, ana(func(p *auth.Principal) { p.User = "partner|ana" }), false},
		{"the session", revocation.Revocation{Kind: revocation.Session, Value: "s1"}, ana(), true},
		{"another session", revocation.Revocation{Kind: revocation.Session, Value: "s1", User: "ana"}, ana(func(p *auth.Principal) { p.Session = "s2" }), false},
		{"a credential of the user that names no session", revocation.Revocation{Kind: revocation.Session, Value: "s1", User: "ana"},
			ana(func(p *auth.Principal) { p.Session = "" }), true},
		{"the session, a token made after it had ended", revocation.Revocation{Kind: revocation.Session, Value: "s1", User: "ana", Before: time.Now()}, ana(issuedNow), true},
		{"a credential without a session from after it had ended", revocation.Revocation{Kind: revocation.Session, Value: "s1", User: "ana", Before: time.Now()},
			ana(issuedNow, func(p *auth.Principal) { p.Session = "" }), false},
		{"the same, where the user is not known", revocation.Revocation{Kind: revocation.Session, Value: "s1"}, ana(func(p *auth.Principal) { p.Session = "" }), false},
		{"the key", revocation.Revocation{Kind: revocation.Key, Value: "k1"}, ana(), true},
		{"another key", revocation.Revocation{Kind: revocation.Key, Value: "k2"}, ana(), false},
		{"the certificate", revocation.Revocation{Kind: revocation.Certificate, Value: hex.EncodeToString(leafSum[:])}, ana(withCertificate), true},
		{"without the certificate", revocation.Revocation{Kind: revocation.Certificate, Value: hex.EncodeToString(leafSum[:])}, ana(), false},
		{"another tenant's user of that name", revocation.Revocation{Kind: revocation.User, Value: "ana", Before: time.Now()}, ana(func(p *auth.Principal) { p.Tenant = globex }), false},
		{"another tenant's key of that id", revocation.Revocation{Kind: revocation.Key, Value: "k1"}, ana(func(p *auth.Principal) { p.Tenant = globex }), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := cluster(t, 2)
			tt.revocation.Tenant = acme
			if got := c.refuses(tt.principal); got != "" {
				t.Fatalf("before: %q", got)
			}
			c.revoke(tt.revocation)
			if got := c.refuses(tt.principal) == auth.Revoked; got != tt.ended {
				t.Errorf("got ended %v, want %v", got, tt.ended)
			}
			if got := tt.revocation.Ends(tt.principal); got != tt.ended {
				t.Errorf("Ends: got %v, want %v: live sessions and handshakes would be told apart", got, tt.ended)
			}
			for i, n := range c.changes {
				if n.Load() != 1 {
					t.Errorf("node %d heard of %d changes, want 1", i, n.Load())
				}
			}
		})
	}
}

func TestARevocationThatRunsOutEndsNobodyAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster(t, 2)
		c.revoke(revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: "t1", Until: time.Now().Add(time.Hour)})
		time.Sleep(time.Hour - time.Second)
		if got := c.refuses(ana()); got != auth.Revoked {
			t.Errorf("a second before: got %q, want revoked", got)
		}
		time.Sleep(time.Second)
		if got := c.refuses(ana()); got != "" {
			t.Errorf("at the end: got %q, want nothing", got)
		}
		time.Sleep(2 * time.Minute)
		if got := len(c.ledgers[1].List(acme)); got != 0 {
			t.Errorf("%d are remembered, want none", got)
		}
	})
}

// A second revocation of one thing never makes the first one weaker.
func TestASecondRevocationReachesAsFarAsBoth(t *testing.T) {
	c := cluster(t, 2)
	now := time.Now()
	c.revoke(revocation.Revocation{Tenant: acme, Kind: revocation.User, Value: "ana", Before: now})
	c.revoke(revocation.Revocation{Tenant: acme, Kind: revocation.User, Value: "ana", Before: now.Add(-time.Hour), Until: now.Add(time.Hour)})
	if got := c.refuses(ana()); got != auth.Revoked {
		t.Errorf("got %q, want revoked", got)
	}
	if all := c.ledgers[1].List(acme); len(all) != 1 || !all[0].Until.IsZero() {
		t.Errorf("got %+v, want one, for ever", all)
	}
}

// Two at once each know only of themselves; what is kept must end what either ends.
func TestRevocationsAtOnceAreKeptTogether(t *testing.T) {
	c := cluster(t, 2)
	now := time.Now()
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			r := revocation.Revocation{Tenant: acme, Kind: revocation.User, Value: "ana", Before: now.Add(-time.Duration(i) * time.Hour), Until: now.Add(time.Duration(i+1) * time.Hour)}
			if err := c.ledgers[0].Revoke(context.Background(), r); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	late := revocation.NewLedger(c.engine.State(), c.announce, func(revocation.Change) {}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go late.Run(ctx)
	<-late.Ready()
	kept := late.List(acme)
	if len(kept) != 1 || kept[0].Before.Before(now) || kept[0].Until.Before(now.Add(50*time.Hour)) {
		t.Errorf("a node that starts now finds %+v, want until 50 hours from now, for all before now", kept)
	}
}

func TestALiftedRevocationLetsInAgain(t *testing.T) {
	c := cluster(t, 2)
	r := revocation.Revocation{Tenant: acme, Kind: revocation.Session, Value: "s1", User: "ana"}
	c.revoke(r)
	if ok, err := c.ledgers[1].Lift(t.Context(), globex, r.ID()); ok || err != nil {
		t.Errorf("another tenant lifted it: %v, %v", ok, err)
	}
	if ok, err := c.ledgers[1].Lift(t.Context(), acme, r.ID()); !ok || err != nil {
		t.Errorf("got %v, %v; want it lifted", ok, err)
	}
	for _, p := range []*auth.Principal{ana(), ana(func(p *auth.Principal) { p.Session = "" })} {
		if got := c.refuses(p); got != "" {
			t.Errorf("got %q, want nothing", got)
		}
	}
}

// memoryOf is an engine's memory of which the test says when its changes are told.
type memoryOf struct {
	revocation.State
	tell chan func(changed func(string, []byte))
}

func (m memoryOf) Watch(ctx context.Context, _ string, changed func(string, []byte), current func()) error {
	current()
	for {
		select {
		case f := <-m.tell:
			f(changed)
		case <-ctx.Done():
			return nil
		}
	}
}

// What the engine's memory tells late changes nothing that was announced since; what it tells alone counts. That holds for a revocation and for the suspension of a tenant: one
// that was told to end by the end of the one before would let everybody in.
func TestTheMemoryTellsLate(t *testing.T) {
	id := (&revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: "t1"}).ID()
	for what, kind := range map[string]struct {
		key, value string
		reason     auth.Reason
	}{
		"a revocation": {"ended/revocation/" + id, `{"tenant":"acme","kind":"token","value":"t1","made":%d}`, auth.Revoked},
		"a suspension": {"ended/suspension/acme", `{"made":%d}`, auth.TenantSuspended},
	} {
		for name, story := range map[string]struct {
			events []string // "heard" or "told", and which one was made, none for taken away
			ends   bool
		}{
			"a lifted one":                         {[]string{"heard 1", "heard", "told 1"}, false},
			"a lifted one and its end":             {[]string{"heard 1", "heard", "told 1", "told"}, false},
			"the end of one that was made anew":    {[]string{"heard 1", "told 1", "heard", "heard 2", "told"}, true},
			"the end, and nothing of a new one":    {[]string{"heard 1", "heard", "heard 2", "told"}, true},
			"a new one whose word was lost":        {[]string{"heard 1", "told 1", "heard", "told", "told 2"}, true},
			"a lift whose word was lost":           {[]string{"heard 1", "told 1", "told"}, false},
			"both words lost":                      {[]string{"told 1", "told"}, false},
			"an older one, after it was made anew": {[]string{"heard 1", "heard 2", "told 1", "told 2", "told"}, false},
			"a lifted one, after it was made anew": {[]string{"heard 1", "heard", "heard 2", "told 1", "told"}, true},
		} {
			t.Run(what+", "+name, func(t *testing.T) {
				m := memoryOf{tell: make(chan func(func(string, []byte)))}
				l := revocation.NewLedger(m, nil, func(revocation.Change) {}, slog.New(slog.DiscardHandler))
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- l.Run(ctx) }()
				defer func() { cancel(); <-ended }()
				<-l.Ready()
				for _, e := range story.events {
					how, which, _ := strings.Cut(e, " ")
					var value []byte
					if which != "" {
						n, _ := strconv.ParseInt(which, 10, 64)
						value = fmt.Appendf(nil, kind.value, n)
					}
					if how == "told" {
						m.tell <- func(changed func(string, []byte)) { changed(kind.key, value) }
						m.tell <- func(func(string, []byte)) {} // the one before has returned
						continue
					}
					if value == nil {
						l.Heard(fmt.Appendf(nil, `{"key":%q}`, kind.key))
					} else {
						l.Heard(fmt.Appendf(nil, `{"key":%q,"value":%s}`, kind.key, value))
					}
				}
				want := auth.Reason("")
				if story.ends {
					want = kind.reason
				}
				if got := auth.ReasonOf(l.Check(ana(), time.Now())); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
}

func TestASuspendedTenantIsRefusedWhole(t *testing.T) {
	c := cluster(t, 2)
	if err := c.ledgers[0].Suspend(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	if got := c.refuses(ana()); got != auth.TenantSuspended {
		t.Errorf("got %q, want tenant_suspended", got)
	}
	if got := c.refuses(ana(func(p *auth.Principal) { p.Tenant = globex })); got != "" {
		t.Errorf("another tenant: got %q", got)
	}
	if err := c.ledgers[1].Resume(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	if got := c.refuses(ana()); got != "" || c.ledgers[0].Suspended(acme) {
		t.Errorf("after resuming: got %q", got)
	}
}

// A node that comes later finds everything in the engine's memory; until it has, it lets nobody in.
func TestANodeThatStartsLetsNobodyInBeforeItKnows(t *testing.T) {
	c := cluster(t, 1)
	c.revoke(revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: "t1"})
	late := revocation.NewLedger(c.engine.State(), c.announce, func(revocation.Change) {}, slog.New(slog.DiscardHandler))
	if got := auth.ReasonOf(late.Check(ana(), time.Now())); got != auth.EngineAway {
		t.Errorf("got %q, want engine_away", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go late.Run(ctx)
	<-late.Ready()
	if got := auth.ReasonOf(late.Check(ana(), time.Now())); got != auth.Revoked {
		t.Errorf("got %q, want revoked", got)
	}
}

// Whoever was told that something is revoked meets nobody who is still let in, on any node, however much goes on.
func TestAfterRevokeNobodyIsLetIn(t *testing.T) {
	c := cluster(t, 3)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 100 {
				id := fmt.Sprintf("t-%d-%d", worker, i)
				if err := c.ledgers[worker%3].Revoke(context.Background(), revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: id}); err != nil {
					t.Error(err)
					return
				}
				p := ana(func(p *auth.Principal) { p.TokenID = id })
				for n, l := range c.ledgers {
					if auth.ReasonOf(l.Check(p, time.Now())) != auth.Revoked {
						t.Errorf("node %d lets %s in", n, id)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestWhatCannotBeRevoked(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name string
		r    revocation.Revocation
		want string
	}{
		{"no tenant", revocation.Revocation{Kind: revocation.Token, Value: "t1"}, "tenant"},
		{"no kind", revocation.Revocation{Tenant: acme, Value: "t1"}, "kind"},
		{"an unknown kind", revocation.Revocation{Tenant: acme, Kind: "tenant", Value: "acme"}, `"tenant"`},
		{"no value", revocation.Revocation{Tenant: acme, Kind: revocation.Token}, "value"},
		{"a value that is too long", revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: strings.Repeat("x", 1025)}, "1025"},
		{"a line break", revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: "a\nb"}, "control"},
		{"a user without a time", revocation.Revocation{Tenant: acme, Kind: revocation.User, Value: "ana"}, "no time"},
		{"a time to come", revocation.Revocation{Tenant: acme, Kind: revocation.User, Value: "ana", Before: now.Add(time.Hour)}, "to come"},
		{"an end that is over", revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: "t1", Until: now.Add(-time.Hour)}, "over"},
		{"a fingerprint in upper case", revocation.Revocation{Tenant: acme, Kind: revocation.Certificate, Value: strings.ToUpper(hex.EncodeToString(leafSum[:]))}, "lower-case"},
		{"a short fingerprint", revocation.Revocation{Tenant: acme, Kind: revocation.Certificate, Value: "abcd"}, "64"},
		{"a user of an issuer", revocation.Revocation{Tenant: acme, Kind: revocation.User, Value: "ana", Before: now, Issuer: "x"}, "issuer"},
		{"a user beside a token", revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: "t1", User: "ana"}, "user"},
	}
	c := cluster(t, 1)
	for _, tt := range tests {
		err := c.ledgers[0].Revoke(t.Context(), tt.r)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	if got := c.changes[0].Load(); got != 0 {
		t.Errorf("%d of them took effect", got)
	}
}

func TestATenantCannotFillEveryNode(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred thousand revocations")
	}
	c := cluster(t, 1)
	l := c.ledgers[0]
	for i := range revocation.MaxPerTenant {
		text := fmt.Appendf(nil, `{"tenant":"acme","kind":"token","value":"t-%d"}`, i)
		r, err := revocation.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Revoke(t.Context(), *r); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := l.Revoke(t.Context(), revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: "one more"}); !errors.Is(err, revocation.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := l.Revoke(t.Context(), revocation.Revocation{Tenant: globex, Kind: revocation.Token, Value: "t1"}); err != nil {
		t.Errorf("another tenant: %v", err)
	}
}

func TestAnUnreachableEngineIsTold(t *testing.T) {
	l := revocation.NewLedger(memory.New().State(), func(context.Context, []byte) error { return nil }, func(revocation.Change) {}, slog.New(slog.DiscardHandler))
	if err := l.Revoke(t.Context(), revocation.Revocation{Tenant: acme, Kind: revocation.Token, Value: "t1"}); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

// FuzzDecode: whatever is read is well formed, is written as it was read, and has an id of its own kind, tenant, issuer and value alone.
// What another node wrote is one document, whatever is behind it.
func TestNothingStandsBehindARevocation(t *testing.T) {
	const r = `{"tenant":"acme","kind":"token","value":"t1"}`
	if _, err := revocation.Decode([]byte(r + " \n")); err != nil {
		t.Error(err)
	}
	for _, rest := range []string{"}", "]", "{}", ",", r} {
		if _, err := revocation.Decode([]byte(r + rest)); err == nil {
			t.Errorf("%q behind it is taken", rest)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"tenant":"acme","kind":"user","value":"ana","before":1767225600000}`))
	f.Add([]byte(`{"tenant":"acme","kind":"session","value":"s1","user":"ana","issuer":"https://id","until":1767225600000,"reason":"left"}`))
	f.Add([]byte(`{"tenant":"acme","kind":"token","value":"t1"} {}`))
	f.Add([]byte(`{"tenant":"ACME"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := revocation.Decode(text)
		if err != nil {
			return
		}
		again, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		same, err := revocation.Decode(again)
		if err != nil {
			t.Fatalf("%s was written and is not read: %v", again, err)
		}
		if same.ID() != r.ID() || !same.Before.Equal(r.Before) || !same.Until.Equal(r.Until) || same.User != r.User || !same.Made.Equal(r.Made) {
			t.Fatalf("got %+v, want %+v", same, r)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{0, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			engine := memory.New()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			e := ear{func([]byte) {}, make(chan struct{})}
			go engine.Run(ctx, e)
			<-e.up
			l := revocation.NewLedger(engine.State(), func(context.Context, []byte) error { return nil }, func(revocation.Change) {}, slog.New(slog.DiscardHandler))
			go l.Run(ctx)
			<-l.Ready()
			for i := range n {
				l.Heard(fmt.Appendf(nil, `{"key":"ended/revocation/%d","value":{"tenant":"acme","kind":"token","value":"x-%d"}}`, i, i))
			}
			p, now := ana(withCertificate), time.Now()
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Check(p, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
