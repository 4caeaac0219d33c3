package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"portcullis/internal/acl"
	"portcullis/internal/audit"
	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/channel"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// counter counts what happened.
type counter struct {
	mu               sync.Mutex
	happened, hidden map[audit.Event]int
}

func (c *counter) Happened(e audit.Event, written bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.happened[e]++
	if !written {
		c.hidden[e]++
	}
}

func everybody(tenant.ID) bool { return true }

func open() (*audit.Log, *bytes.Buffer, *counter) {
	var out bytes.Buffer
	c := &counter{happened: make(map[audit.Event]int), hidden: make(map[audit.Event]int)}
	return audit.New(&out, "n_1", everybody, c), &out, c
}

// lines reads every line as one JSON object.
func lines(t *testing.T, out *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

var ana = &auth.Principal{
	Tenant: tenant.MustParse("acme"), User: "ana@acme.example", Issuer: "https://id.acme.example", TokenID: "token-id-1", Session: "session-id-1", Method: auth.Bearer,
	Certificate: &auth.Certificate{Fingerprint: [32]byte{0xab}},
}

func attempt(reason auth.Reason, p *auth.Principal) *door.Attempt {
	a := &door.Attempt{
		Caller: &door.Caller{Purpose: door.Handshake, Address: netip.MustParseAddr("192.0.2.1"), Origin: "https://evil.example", Agent: "curl", Principal: p,
			Credential: auth.Credential{Method: auth.Bearer, Token: "the-token-itself"}},
		Reason: reason, Instance: "h_1",
	}
	if reason != door.Accepted {
		a.Err = errors.New("a detail")
	}
	return a
}

func TestEveryRefusalIsAnEvent(t *testing.T) {
	tests := map[auth.Reason]audit.Event{
		auth.BadSignature:      audit.LoginFail,
		auth.TokenExpired:      audit.LoginFail,
		auth.TicketUnknown:     audit.LoginFail,
		auth.KeysUnavailable:   audit.LoginFail,
		auth.Revoked:           audit.TokenReuse,
		auth.TicketStolen:      audit.TokenReuse,
		auth.ProofReplayed:     audit.TokenReuse,
		auth.TokenBound:        audit.TokenReuse,
		door.OtherUser:         audit.TokenReuse,
		auth.ForwardedIdentity: audit.Extraneous,
		auth.EmbeddedKey:       audit.Extraneous,
		auth.CertificateTenant: audit.DirectReference,
		auth.AddressLimited:    audit.RateExceeded,
		door.OriginRefused:     audit.ForeignOrigin,
		door.UserFull:          audit.SessionsExceeded,
		door.ManageForbidden:   audit.AuthzFail,
		door.BadHandshake:      audit.InputInvalid,
	}
	for reason, want := range tests {
		l, out, _ := open()
		l.Answered(attempt(reason, nil))
		got := lines(t, out)
		if len(got) != 1 || got[0]["event"] != string(want) || got[0]["severity"] != string(audit.Levels[want]) || got[0]["reason"] != string(reason) ||
			got[0]["outcome"] != "deny" || got[0]["tenant"] != "unknown" || got[0]["source_ip"] != "192.0.2.1" || got[0]["instance"] != "h_1" || got[0]["node"] != "n_1" {
			t.Errorf("%s: got %v, want one %s", reason, got, want)
		}
	}
	l, out, _ := open()
	l.Answered(attempt(door.Draining, nil))
	if out.Len() > 0 {
		t.Errorf("draining is no security event: %s", out)
	}
}

func TestAGoodLoginAfterBadOnes(t *testing.T) {
	l, out, _ := open()
	a := attempt(door.Accepted, ana)
	a.Failures = 3
	l.Answered(a)
	got := lines(t, out)
	if len(got) != 2 || got[0]["event"] != "authn_login_success" || got[1]["event"] != "authn_login_successafterfail" || got[1]["retries"] != 3.0 {
		t.Errorf("got %v", got)
	}
	failed := attempt(auth.BadSignature, nil)
	failed.Spent = true
	out.Reset()
	l.Answered(failed)
	if got := lines(t, out); len(got) != 2 || got[1]["event"] != "authn_login_fail_max" {
		t.Errorf("got %v", got)
	}
}

// Whoever reads the log learns who it was only if they know whom to look for, and gets nothing to log in with.
func TestTheLogHoldsNoSecretAndNoName(t *testing.T) {
	l, out, _ := open()
	l.Answered(attempt(door.Accepted, ana))
	l.Answered(attempt(auth.BadSignature, nil))
	l.Minted(&door.Caller{Principal: ana})
	l.Revoked(&revocation.Revocation{Tenant: ana.Tenant, Kind: revocation.Session, Value: ana.Session, User: ana.User}, api.ByLogout)
	l.Hub(nothing{}).Denied(ana, acl.Publish, channel.MustParse("salaries:2026"), acl.Decision{Basis: acl.NoMatch})
	for _, secret := range []string{"the-token-itself", "ana@acme.example", "token-id-1", "session-id-1", "salaries"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q stands in the log:\n%s", secret, out)
		}
	}
	if got := lines(t, out); len(got) != 5 || got[3]["event"] != "session_logout" || got[4]["event"] != "authz_fail" {
		t.Errorf("got %v", got)
	}
	hash := lines(t, out)[0]["user_hash"]
	if hash == nil || hash != lines(t, out)[2]["user_hash"] {
		t.Errorf("one user has hashes %v and %v", hash, lines(t, out)[2]["user_hash"])
	}
}

type nothing struct{ hubObserver }

// A stranger's header makes no line and no field, whatever stands in it.
func TestNobodyCanForgeALine(t *testing.T) {
	for _, evil := range []string{
		"x\n{\"event\":\"authn_login_success\"}", `","event":"authn_login_success","x":"`, "\x00\x1b[2J", "\xff\xfe", strings.Repeat("a", 1<<16), "\u2028", `\`, "\u0085{", "\u009b2J", "\u202elive",
	} {
		l, out, _ := open()
		a := attempt(auth.BadSignature, nil)
		a.Origin, a.Agent = evil, evil
		l.Answered(a)
		got := lines(t, out)
		if len(got) != 1 || got[0]["event"] != "authn_login_fail" || out.Len() > 4096 {
			t.Errorf("%.40q: got %d lines, %d bytes: %v", evil, len(got), out.Len(), got)
		}
		if strings.ContainsFunc(strings.TrimSuffix(out.String(), "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%.40q: the line has what no eye sees: %q", evil, out)
		}
	}
}

func TestAFloodOfEventsIsCountedAndNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out, c := open()
		for range 10_000 {
			l.Answered(attempt(auth.BadSignature, nil))
		}
		l.Answered(attempt(door.OriginRefused, nil)) // another event has lines of its own
		if got := lines(t, out); len(got) != 101 || got[100]["event"] != "malicious_cors" {
			t.Errorf("got %d lines, want a burst of 100, and the other event's", len(got))
		}
		time.Sleep(time.Second)
		out.Reset()
		l.Answered(attempt(auth.BadSignature, nil))
		if got := lines(t, out); len(got) != 1 || fmt.Sprint(got[0]["suppressed"]) != "9900" {
			t.Errorf("got %v, want a line that tells of 9900 others", got)
		}
		if c.happened[audit.LoginFail] != 10_001 || c.hidden[audit.LoginFail] != 9900 {
			t.Errorf("counted %d, %d of them hidden", c.happened[audit.LoginFail], c.hidden[audit.LoginFail])
		}
	})
}

// Whoever is denied without end hides neither what happens to another tenant, nor what strangers do, nor what an operator did.
func TestAFloodOfOneTenantHidesNoEventOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out, _ := open()
		bob := &auth.Principal{Tenant: tenant.MustParse("globex"), User: "bob"}
		denied := func(p *auth.Principal) {
			l.Hub(nothing{}).Denied(p, acl.Publish, channel.MustParse("ops:1"), acl.Decision{Basis: acl.NoMatch})
		}
		for range 1000 {
			denied(ana)
			l.Sessions(sessionObserver{}).Lost("c_1", "192.0.2.1:5", ana, hub.ByPolicy, 1)
		}
		out.Reset()
		denied(ana)
		denied(bob)
		l.Answered(attempt(door.ManageForbidden, nil))
		l.Reconfigured("signal", nil, nil, nil)
		got := lines(t, out)
		if len(got) != 3 || got[0]["tenant"] != "globex" || got[1]["tenant"] != "unknown" || got[2]["event"] != "authz_change" {
			t.Errorf("got %v, want globex's denial, the stranger's and the reload", got)
		}
		for _, line := range got {
			if line["suppressed"] != nil {
				t.Errorf("%v tells of lines that were ana's", line)
			}
		}
	})
}

// hubObserver hears nothing.
type hubObserver struct{}

func (hubObserver) Decided(acl.Action, acl.Decision)                               {}
func (hubObserver) Denied(*auth.Principal, acl.Action, channel.Name, acl.Decision) {}
func (hubObserver) Unsubscribed(hub.Ending)                                        {}
func (hubObserver) Recovered(wire.Unrecovered, int)                                {}
func (hubObserver) Read(int)                                                       {}
func (hubObserver) Chosen(hub.Chooser, wire.Code)                                  {}
func (hubObserver) Caught(int, int)                                                {}
func (hubObserver) Gap(wire.GapReason, int)                                        {}
func (hubObserver) Dropped(channel.SlowReader, int)                                {}
func (hubObserver) Delivered(*hub.Batch)                                           {}
func (hubObserver) Subscriptions(int)                                              {}
func (hubObserver) Members(int)                                                    {}
func (hubObserver) Told([]*wire.Notice, int, int)                                  {}
func (hubObserver) Channels(int)                                                   {}

// sessionObserver hears of losses, and nothing.
type sessionObserver struct{ session.Observer }

func (sessionObserver) Lost(string, string, *auth.Principal, hub.Ending, int) {}

func TestALossIsAChangeOfRights(t *testing.T) {
	l, out, _ := open()
	l.Sessions(sessionObserver{}).Lost("c_1", "192.0.2.1:5", ana, hub.ByPolicy, 3)
	got := lines(t, out)
	if len(got) != 1 {
		t.Fatalf("got %v, want one line", got)
	}
	for field, want := range map[string]any{"event": "authz_change", "reason": "policy", "subscriptions": 3.0, "connection": "c_1", "source_ip": "192.0.2.1", "tenant": "acme"} {
		if got[0][field] != want {
			t.Errorf("%s: got %v, want %v", field, got[0][field], want)
		}
	}
}
