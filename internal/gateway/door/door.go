// Package door asks everybody who comes who they are, and answers those who are not believed. The road of a WebSocket and every path of the HTTP API begin
// here, so that there is one order of questions, one table of answers and one record of attempts.
package door

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/dpop"
	"portcullis/internal/auth/proxy"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Config is what a door needs.
type Config struct {
	Realms    *realm.Registry
	Proxies   *proxy.Trust
	Addresses *limit.Addresses
	Ledger    *revocation.Ledger
	Tickets   *ticket.Office
	Proofs    *dpop.Verifier
	Observer  Observer
	Log       *slog.Logger
}

// Observer hears of everybody who was answered. Its methods must not wait.
type Observer interface {
	Answered(a *Attempt)
}

// Door is where requests become callers. It is safe for concurrent use.
type Door struct {
	config Config
	lines  *limit.TenantLines[struct{}] // of refusals
}

// New returns a door.
func New(c Config) *Door {
	known := func(id tenant.ID) bool { return c.Realms.Current().Tenant(id) != nil }
	return &Door{config: c, lines: limit.NewTenantLines[struct{}](linesPerSecond, known)}
}

// Purpose is what a caller wants. The set is closed: it is a metric label.
type Purpose string

// The purposes.
const (
	Handshake  Purpose = "handshake"
	TicketMint Purpose = "ticket"
	API        Purpose = "api"
	Notice     Purpose = "notice"  // of an identity service, which shows no credential but its signature
	Refresh    Purpose = "refresh" // of somebody who is in
)

// Purposes lists every purpose, for label sets that are created at zero.
var Purposes = []Purpose{Handshake, TicketMint, API, Notice, Refresh}

// ways are where each purpose may carry a credential.
var ways = map[Purpose]auth.Ways{
	Handshake:  {Subprotocol: true, Ticket: true},
	TicketMint: {DPoP: true},
}

// Caller is somebody who came, and as much as is known of them so far.
type Caller struct {
	Purpose    Purpose
	Started    time.Time
	Origin     string     // as the request has it
	Agent      string     // User-Agent
	Address    netip.Addr // of the client, also behind trusted proxies; the zero Addr where it cannot be known
	Proxied    bool
	chain      []*x509.Certificate // the client's, not looked at yet
	Credential auth.Credential
	Offered    []string // subprotocols
	// Principal and Tenant are set together, once the credential is believed.
	Principal *auth.Principal
	Tenant    *realm.Tenant
	// Failures is how many attempts of this address failed before this one succeeded.
	Failures int
}

// Meet finds out where r comes from, and whether that address may try at all.
func (d *Door) Meet(r *http.Request, p Purpose, now time.Time) (*Caller, error) {
	c := &Caller{Purpose: p, Started: now, Origin: OriginOf(r).Value, Agent: r.UserAgent()}
	client, err := d.config.Proxies.Read(r)
	c.Address, c.Proxied, c.chain = client.Address, client.Proxied, client.Chain
	if err != nil {
		return c, err
	}
	if retry, ok := d.config.Addresses.Request(now, c.Address); !ok {
		return c, limited(auth.HandshakeRate, retry, "more requests a second come from %v than from one address may", c.Address)
	}
	if retry, ok := d.config.Addresses.Allowed(now, c.Address); !ok {
		return c, limited(auth.AddressLimited, retry, "too many attempts from %v failed", c.Address)
	}
	return c, nil
}

// Ask asks r every question about who sent it, cheap ones before expensive ones. What is known of a caller who is refused stands in it too.
func (d *Door) Ask(r *http.Request, p Purpose, now time.Time) (*Caller, error) {
	c, err := d.Meet(r, p, now)
	if err != nil {
		return c, err
	}
	if c.Credential, c.Offered, err = auth.FromRequest(r, c.chain, ways[p]); err != nil {
		return c, err
	}
	if err := d.believe(r, c); err != nil {
		return c, err
	}
	c.Failures = d.config.Addresses.Succeeded(c.Address)
	return c, checkOrigin(r, c.Tenant.AllowsOrigin)
}

// believe finds out whose credential it is, and whether it still counts.
func (d *Door) believe(r *http.Request, c *Caller) (err error) {
	ctx, now := r.Context(), c.Started
	realms := d.config.Realms.Current()
	switch c.Credential.Method {
	case auth.Ticket:
		c.Principal, err = d.redeem(r, c)
		if err == nil {
			c.Tenant, err = realms.Belongs(c.Principal, now)
		}
	case auth.DPoP:
		err = d.config.Proofs.Verify(ctx, c.Credential.Proof, c.Credential.Token, r.Method, r.URL.Path, now, func(thumbprint string) (err error) {
			c.Credential.Thumbprint = thumbprint
			c.Principal, c.Tenant, err = realms.Authenticate(ctx, c.Credential, now)
			return err
		})
	default:
		c.Principal, c.Tenant, err = realms.Authenticate(ctx, c.Credential, now)
	}
	if err != nil {
		return err
	}
	return d.config.Ledger.Check(c.Principal, now)
}

// redeem takes a ticket, which counts for the page and the certificate that it was made for.
func (d *Door) redeem(r *http.Request, c *Caller) (*auth.Principal, error) {
	fingerprint, _ := c.Credential.Fingerprint()
	return d.config.Tickets.Redeem(r.Context(), c.Credential.Ticket, OriginOf(r), fingerprint, c.Started)
}

// Inside is a client that was let in.
type Inside struct {
	Connection, Remote string
	Principal          *auth.Principal
}

// Renew verifies a token for a client that is in already, in the place of the credential that it has. A refusal is an attempt like others, which the
// connection's id finds in the log.
func (d *Door) Renew(ctx context.Context, in Inside, token string) (*auth.Principal, error) {
	c := &Caller{Purpose: Refresh, Started: time.Now(), Principal: in.Principal}
	c.Address, c.Proxied = addressIn(in.Remote)
	p, err := d.renew(ctx, in.Principal, token, c.Started)
	if err != nil {
		d.record(ctx, in.Remote, c, AnswerTo(err), err, in.Connection)
		return nil, err
	}
	d.Accept(c)
	return p, nil
}

// renew asks everything. The certificate that the client showed is still its own.
func (d *Door) renew(ctx context.Context, now *auth.Principal, token string, at time.Time) (*auth.Principal, error) {
	p, _, err := d.config.Realms.Current().Authenticate(ctx, auth.Credential{Method: auth.Bearer, Token: token, Shown: now.Certificate}, at)
	if err != nil {
		return nil, err
	}
	if err := sameUser(now, p); err != nil {
		return nil, err
	}
	if err := d.config.Ledger.Check(p, at); err != nil {
		return nil, err
	}
	p.Method = now.Method
	return p, nil
}

// Ended reports whether the right of somebody who is in has ended before its time, and how the connection is closed for it.
func (d *Door) Ended(p *auth.Principal) (reason wire.Close, ended bool) {
	now := time.Now()
	switch auth.ReasonOf(d.config.Ledger.Check(p, now)) {
	case auth.Revoked:
		return wire.CredentialRevoked, true
	case auth.TenantSuspended:
		return wire.ClosedSuspended, true
	}
	t, err := d.config.Realms.Current().Belongs(p, now)
	switch reason := auth.ReasonOf(err); {
	case t == nil:
		return wire.IdentityGone, true
	case err == nil:
		return wire.Close{}, false
	case reason == auth.TokenExpired:
		return wire.CredentialExpired, true
	case reason == auth.CertificateRevoked, reason == auth.RevocationUnknown:
		return wire.CredentialRevoked, true
	}
	return wire.CredentialRefused, true
}

// Again asks about a caller who was believed a while ago, and gives it its tenant as that is now. A change of either would otherwise count only once the caller is gone.
func (d *Door) Again(c *Caller, now time.Time) error {
	if err := d.config.Ledger.Check(c.Principal, now); err != nil {
		return err
	}
	t, err := d.config.Realms.Current().Belongs(c.Principal, now)
	if err != nil {
		return err
	}
	c.Tenant = t
	return nil
}

// sameUser lets a credential be replaced by one of the same user and service alone, and never by an older one.
func sameUser(now, next *auth.Principal) error {
	switch {
	case now.Tenant != next.Tenant || now.Issuer != next.Issuer || now.User != next.User:
		return Reject(OtherUser, "the token is of another tenant, issuer or user than the connection")
	case next.Issued.Before(now.Issued):
		return Reject(OtherUser, "the token is older than the one that the connection has")
	}
	return nil
}

// addressIn reads where a connection comes from, which has a port where there is no proxy in between.
func addressIn(remote string) (a netip.Addr, proxied bool) {
	if direct, err := netip.ParseAddrPort(remote); err == nil {
		return direct.Addr().Unmap(), false
	}
	a, err := netip.ParseAddr(remote)
	return a, err == nil
}

// AddressText is an address as logs have it, empty for one that is not known.
func AddressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
