// Package audit writes what a security reviewer asks for afterwards: who came in and who did not, what was taken back, what was tried. It hears the door, the API, the sessions and the
// hub, and has a sink of its own: one JSON object a line.
//
// What strangers send stands in it only where it says who they were, cut short, as a value that JSON has escaped: it can make no line and no field. Tokens, tickets, queries and payloads
// have no way in. Users and token ids stand there as hashes: they can be found by whoever knows whom to look for.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"portcullis/internal/auth"
	"portcullis/internal/limit"
	"portcullis/internal/tenant"
)

// Observer hears of every event, also of those that are not written. Its methods must not wait.
type Observer interface {
	Happened(e Event, written bool)
}

// Log writes events. It is safe for concurrent use; it waits for its sink as other logs do.
type Log struct {
	// Set by New, then read-only.
	out      slog.Handler
	node     string
	observer Observer
	lines    *limit.TenantLines[Event]
}

// perSecond is how many lines of one event of one tenant are written a second, with a burst of twice that, and as many of those whose tenant is not known. Strangers
// and clients decide how often most events happen. All are counted.
const perSecond = 50

// New returns a log of one node that writes to w. known says whether there is a tenant of this id.
func New(w io.Writer, node string, known func(tenant.ID) bool, o Observer) *Log {
	l := &Log{node: node, observer: o, lines: limit.NewTenantLines[Event](perSecond, known)}
	l.out = slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: spell})
	return l
}

// spell gives the fields that slog writes by itself the names of the vocabulary.
func spell(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) > 0:
	case a.Key == slog.TimeKey:
		return slog.String("datetime", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	case a.Key == slog.LevelKey, a.Key == slog.MessageKey:
		return slog.Attr{}
	}
	return a
}

// write writes one event of a tenant, the zero ID for none, unless there are too many of its kind.
func (l *Log) write(e Event, id tenant.ID, fields ...slog.Attr) {
	now := time.Now()
	suppressed, ok := l.lines.Next(now, id, e)
	l.observer.Happened(e, ok)
	if !ok {
		return
	}
	r := slog.NewRecord(now, slog.LevelInfo, "", 0)
	r.AddAttrs(slog.String("event", string(e)), slog.String("severity", string(Levels[e])), slog.String("appid", "portcullis"), slog.String("node", l.node))
	for _, f := range fields {
		if f.Value.Kind() != slog.KindString || f.Value.String() != "" {
			r.AddAttrs(f)
		}
	}
	if suppressed > 0 {
		r.AddAttrs(slog.Int64("suppressed", suppressed))
	}
	_ = l.out.Handle(context.Background(), r) // a log that cannot be written cannot be told in itself; the counter goes on
}

// Lengths of what strangers send.
const (
	maxText  = 256
	maxAgent = 128
)

// short cuts a stranger's text, and leaves out what no eye sees: JSON lets pass what some terminals take for a command, some readers for the end of a line, and
// some eyes for another order of the letters.
func short(s string, most int) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s[:min(len(s), most)])
}

// sourceIP is where a connection comes from, without its port: whoever puts lines together looks for the address.
func sourceIP(remote string) slog.Attr {
	if a, err := netip.ParseAddrPort(remote); err == nil {
		remote = a.Addr().Unmap().String()
	}
	return slog.String("source_ip", short(remote, maxText))
}

// hashed names somebody or something for those who know it already.
func hashed(s string) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// tenantOf is whose lines those about p are.
func tenantOf(p *auth.Principal) tenant.ID {
	if p == nil {
		return tenant.ID{}
	}
	return p.Tenant
}

// who are the fields of somebody who was believed.
func who(p *auth.Principal) []slog.Attr {
	if p == nil {
		return nil
	}
	fields := []slog.Attr{
		slog.String("tenant", p.Tenant.String()), slog.String("user_hash", hashed(p.User)), slog.String("issuer", p.Issuer), slog.String("auth_method", string(p.Method)),
		slog.String("token_hash", hashed(p.TokenID)), slog.String("session_hash", hashed(p.Session)),
	}
	if p.Certificate != nil {
		fields = append(fields, slog.String("certificate", hex.EncodeToString(p.Certificate.Fingerprint[:8])))
	}
	return fields
}
