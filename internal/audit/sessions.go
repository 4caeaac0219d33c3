package audit

import (
	"log/slog"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/session"
)

// Sessions hears sessions for the log, and hands everything on.
type Sessions struct {
	session.Observer
	log *Log
}

// Sessions returns an observer that writes what is for the log, and hands everything on to next.
func (l *Log) Sessions(next session.Observer) *Sessions { return &Sessions{next, l} }

// Renewed implements [session.Observer].
func (s *Sessions) Renewed(id, remote string, p *auth.Principal) {
	s.Observer.Renewed(id, remote, p)
	s.log.write(SessionRenewed, p.Tenant, append(who(p), slog.String("connection", id), sourceIP(remote))...)
}

// Lost implements [session.Observer].
func (s *Sessions) Lost(id, remote string, p *auth.Principal, why hub.Ending, n int) {
	s.Observer.Lost(id, remote, p, why, n)
	s.log.write(AuthzChange, p.Tenant, append(who(p), slog.String("connection", id), sourceIP(remote), slog.String("outcome", "unsubscribe"), slog.String("reason", string(why)),
		slog.Int("subscriptions", n))...)
}

// Closed implements [session.Observer].
func (s *Sessions) Closed(r *session.Report) {
	s.Observer.Closed(r)
	if r.Initiator == session.Server && closed[r.Reason] {
		s.log.write(SessionExpired, r.Principal.Tenant, append(who(r.Principal), slog.String("connection", r.Connection), sourceIP(r.Remote), slog.String("outcome", "close"),
			slog.String("reason", r.Reason), slog.Int("close_code", r.Code), slog.Int64("duration_ms", r.Duration.Milliseconds()))...)
	}
}

// Hub hears the hub for the log, and hands everything on.
type Hub struct {
	hub.Observer
	log *Log
}

// Hub returns an observer that writes what is for the log, and hands everything on to next.
func (l *Log) Hub(next hub.Observer) *Hub { return &Hub{next, l} }

// Denied implements [hub.Observer].
func (h *Hub) Denied(p *auth.Principal, action acl.Action, name channel.Name, d acl.Decision) {
	h.Observer.Denied(p, action, name, d)
	h.log.write(AuthzFail, p.Tenant, append(who(p), slog.String("action", action.String()), slog.String("channel_hash", hashed(name.String())), slog.String("rule", d.Rule),
		slog.String("basis", string(d.Basis)), slog.String("outcome", "deny"))...)
}
