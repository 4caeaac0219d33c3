package audit

import (
	"log/slog"

	"portcullis/internal/acl"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// own are the refusals for the gateway's own reasons.
var own = map[string]Event{
	string(door.OriginRefused):   ForeignOrigin,
	string(door.TenantFull):      SessionsExceeded,
	string(door.UserFull):        SessionsExceeded,
	string(door.EchoForbidden):   AuthzFail,
	string(door.ManageForbidden): AuthzFail,
	string(door.MessageRate):     RateExceeded,
	string(door.TenantRate):      RateExceeded,
	string(door.OtherUser):       TokenReuse,
	string(door.BadHandshake):    InputInvalid,
	string(door.BadSubprotocol):  InputInvalid,
}

// quiet are refusals that say nothing about whoever was refused.
var quiet = map[string]bool{string(door.Draining): true, string(door.UpgradeRequired): true, string(door.Internal): true}

// Answered implements [door.Observer].
func (l *Log) Answered(a *door.Attempt) {
	fields, id := append(from(a), who(a.Principal)...), tenantOf(a.Principal)
	switch {
	case a.Reason == door.Accepted && a.Purpose == door.Handshake:
		l.write(LoginSuccess, id, append(fields, slog.String("outcome", "allow"))...)
	case a.Reason == door.Accepted || quiet[string(a.Reason)]:
	default:
		l.write(eventOf(a), id, append(fields, slog.String("outcome", "deny"), slog.String("reason", string(a.Reason)), slog.String("instance", a.Instance))...)
	}
	if a.Failures > 0 && a.Principal != nil {
		l.write(LoginSuccessAfterFail, id, append(fields, slog.Int("retries", a.Failures))...)
	}
	if a.Spent {
		l.write(LoginFailMax, id, append(fields, slog.String("outcome", "deny"))...)
	}
}

func eventOf(a *door.Attempt) Event {
	if e, ok := own[string(a.Reason)]; ok {
		return e
	}
	if e, ok := refusals[a.Reason]; ok {
		return e
	}
	return LoginFail
}

// from are the fields of whoever sent a request.
func from(a *door.Attempt) []slog.Attr {
	fields := []slog.Attr{
		slog.String("purpose", string(a.Purpose)), slog.String("source_ip", door.AddressText(a.Address)), slog.Bool("via_proxy", a.Proxied),
		slog.String("origin", short(a.Origin, maxText)), slog.String("useragent", short(a.Agent, maxAgent)),
	}
	if a.Principal == nil {
		fields = append(fields, slog.String("tenant", "unknown"), slog.String("auth_method", string(a.Credential.Method)))
	}
	return fields
}

// Decided implements the observers of the gateway. What is denied is told by [Log.Denied] and [Log.Answered].
func (l *Log) Decided(acl.Action, acl.Decision) {}

// Minted implements [api.Observer].
func (l *Log) Minted(c *door.Caller) {
	l.write(TokenCreated, tenantOf(c.Principal), append(who(c.Principal), slog.String("source_ip", door.AddressText(c.Address)), slog.String("origin", short(c.Origin, maxText)), slog.String("kind", "ticket"))...)
}

// Managed implements [api.Observer].
func (l *Log) Managed(c *door.Caller, operation, target string) {
	l.write(AuthzAdmin, tenantOf(c.Principal), append(who(c.Principal), slog.String("operation", operation), slog.String("target_hash", hashed(target)), slog.String("source_ip", door.AddressText(c.Address)))...)
}

// Revoked implements [api.Observer].
func (l *Log) Revoked(r *revocation.Revocation, s api.Source) {
	e, value := TokenRevoked, hashed(r.Value)
	if s == api.ByLogout {
		e = SessionLogout
	}
	if r.Kind == revocation.Certificate { // it is a hash
		value = short(r.Value, 16)
	}
	l.write(e, r.Tenant, slog.String("tenant", r.Tenant.String()), slog.String("kind", string(r.Kind)), slog.String("value_hash", value), slog.String("user_hash", hashed(r.User)),
		slog.String("source", string(s)), slog.String("revocation", r.ID()), slog.String("reason", short(r.Reason, maxText)))
}

// Notified implements [api.Observer]. A notice that was refused is an attempt that the door tells of.
func (l *Log) Notified(api.Source, string) {}

// Administered is something that an operator did.
func (l *Log) Administered(operation, target, remote string) {
	l.write(AuthzAdmin, tenant.ID{}, slog.String("operation", operation), slog.String("target", short(target, maxText)), sourceIP(remote))
}

// named is how many tenants a line names; of more, the numbers beside them tell.
const named = 20

// Reconfigured is a new configuration that took effect, by whose wish, and which tenants it added, changed and took away.
func (l *Log) Reconfigured(by string, added, changed, removed []string) {
	fields := []slog.Attr{slog.String("operation", "reload"), slog.String("source", by)}
	for _, part := range []struct {
		name    string
		tenants []string
	}{{"added", added}, {"changed", changed}, {"removed", removed}} {
		fields = append(fields, slog.Int(part.name, len(part.tenants)), slog.Any(part.name+"_tenants", part.tenants[:min(len(part.tenants), named)]))
	}
	l.write(AuthzChange, tenant.ID{}, fields...)
}

// closed are the ends of sessions that are a security matter.
var closed = map[string]bool{
	wire.CredentialExpired.Name: true, wire.CredentialRevoked.Name: true, wire.CredentialRefused.Name: true, wire.IdentityGone.Name: true,
	wire.ClosedSuspended.Name: true, wire.Rebalance.Name: true,
	wire.Disconnected.Name: true,
}
