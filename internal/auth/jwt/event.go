package jwt

import (
	"context"
	"slices"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/jws"
	"portcullis/internal/tenant"
)

// Ended is whose credentials an identity service has ended, of the one tenant that it told.
type Ended struct {
	Tenant tenant.ID
	Issuer string
	ID     string // jti: the issuer's name for this message
	// User is the tenant's string for a user, Session a sid; one may be empty. Both are empty when there is nothing to do.
	User, Session string
	// Before is until when what was issued has ended.
	Before time.Time
}

// The types of what can be reported.
const (
	logoutEvent      = "http://schemas.openid.net/event/backchannel-logout"
	sessionRevoked   = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	credentialChange = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
)

// maxEventAge is how long after its making an event is still taken. Within it a repetition can be told from news.
const maxEventAge = 24 * time.Hour

// Logout verifies a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6). Its error is an [auth.Refusal].
func (v *Verifier) Logout(ctx context.Context, token string, now time.Time) (*Ended, error) {
	t, e, err := v.reported(ctx, token, logout, now)
	if err != nil {
		return nil, err
	}
	switch {
	case t.Events[0].Name != logoutEvent:
		return nil, auth.Refuse(auth.TokenType, "its event is %.100q, not %s", t.Events[0].Name, logoutEvent)
	case t.Nonce:
		return nil, auth.Refuse(auth.TokenType, "it has a nonce: it is an ID token, or plays at being both")
	case t.Expires.IsZero():
		return nil, auth.Refuse(auth.TokenMalformed, "there is no exp")
	case !now.Before(t.Expires.Add(e.Leeway)):
		return nil, auth.Refuse(auth.TokenExpired, "it expired at %s", t.Expires.UTC().Format(time.RFC3339))
	case t.Subject == "" && t.Session == "":
		return nil, auth.Refuse(auth.BadSubject, "it has neither sub nor sid: nobody is logged out")
	}
	ended := e.ended(t)
	ended.Session, ended.Before = t.Session, t.IssuedAt
	return ended, ended.name(e, t.Subject)
}

// SecurityEvent verifies a security event token (RFC 8417) of the Shared Signals Framework. What it reports that is not about the end of sessions and credentials is well
// taken and changes nothing. Its error is an [auth.Refusal].
func (v *Verifier) SecurityEvent(ctx context.Context, token string, now time.Time) (*Ended, error) {
	t, e, err := v.reported(ctx, token, event, now)
	if err != nil {
		return nil, err
	}
	switch {
	case !t.Expires.IsZero():
		return nil, auth.Refuse(auth.TokenType, "it has an exp, which no event has: it could be taken for a token that gives access")
	case t.Subject != "":
		return nil, auth.Refuse(auth.TokenType, "it has a sub, which no event of this framework has; whom it is about stands in sub_id")
	}
	ended := e.ended(t)
	switch t.Events[0].Name {
	case sessionRevoked, credentialChange:
	default:
		return ended, nil
	}
	ended.Before = t.IssuedAt
	if stamp, ok := t.Events[0].Value.Child("event_timestamp"); ok {
		if at, ok := stamp.Moment(); ok && at.Before(t.IssuedAt) {
			ended.Before = at
		}
	}
	if err := ended.about(e, t.SubjectID, 0); err != nil {
		return nil, err
	}
	if t.Events[0].Name == credentialChange {
		ended.Session = "" // with a password go all sessions that it opened
	}
	if ended.User == "" && ended.Session == "" {
		return nil, auth.Refuse(auth.BadSubject, "it does not say whose sessions ended")
	}
	return ended, nil
}

func (e *entry) ended(t *jws.Event) *Ended {
	return &Ended{Tenant: e.Tenant, Issuer: e.Issuer.Issuer, ID: t.ID}
}

// name takes an issuer's subject for the user that it is here. No issuer can name another's users, nor those of certificates: its own prefix stands in front, and where it has none, a
// subject must not begin like theirs.
func (d *Ended) name(e *entry, subject string) error {
	if subject == "" {
		return nil
	}
	if err := e.own(subject); err != nil {
		return err
	}
	d.User = e.Prefix + subject
	return nil
}

// about reads a subject identifier (RFC 9493, section 3) of those kinds that name somebody here.
func (d *Ended) about(e *entry, id jws.Value, depth int) error {
	format := text(id, "format")
	switch format {
	case "iss_sub":
		if iss := text(id, "iss"); iss != e.Issuer.Issuer {
			return auth.Refuse(auth.BadSubject, "its subject is of issuer %.100q, and the event of %q", iss, e.Issuer.Issuer)
		}
		return d.name(e, text(id, "sub"))
	case "opaque":
		return d.name(e, text(id, "id"))
	case "complex":
		if depth > 0 {
			break
		}
		if session, ok := id.Child("session"); ok {
			if text(session, "format") != "opaque" {
				return auth.Refuse(auth.BadSubject, "its session is no subject of format opaque")
			}
			d.Session = text(session, "id")
		}
		if user, ok := id.Child("user"); ok {
			return d.about(e, user, depth+1)
		}
		return nil
	}
	return auth.Refuse(auth.BadSubject, "its subject has format %.32q; formats iss_sub, opaque and complex (of user and session) name somebody here", format)
}

func text(v jws.Value, name string) string {
	child, ok := v.Child(name)
	if !ok {
		return ""
	}
	s, _ := child.Text()
	return s
}

// kind is a kind of reports: how its tokens are typed, and whose audience they name.
type kind struct {
	types    []string
	audience func(*issuer) map[string]*entry
}

var (
	logout = kind{[]string{"", "jwt", "logout+jwt"}, func(i *issuer) map[string]*entry { return i.logouts }}
	event  = kind{[]string{"secevent+jwt"}, func(i *issuer) map[string]*entry { return i.events }}
)

// reported verifies what all reports have in common, in the order in which tokens are verified, and finds the entry whose audience is meant.
func (v *Verifier) reported(ctx context.Context, token string, k kind, now time.Time) (*jws.Event, *entry, error) {
	t, err := jws.ReadEvent(token)
	if err != nil {
		return nil, nil, err
	}
	i := v.issuers[t.Issuer]
	switch {
	case i == nil:
		return nil, nil, auth.Refuse(auth.BadIssuer, "iss %.128q is no configured issuer", t.Issuer)
	case !slices.Contains(k.types, mediaType(t.Header.Type)):
		return nil, nil, auth.Refuse(auth.TokenType, "typ %.64q is not one of %q", t.Header.Type, k.types)
	case !slices.Contains(i.algorithms, t.Header.Algorithm):
		return nil, nil, auth.Refuse(auth.AlgNotAllowed, "alg %.16q is not one of %q", t.Header.Algorithm, i.algorithms)
	}
	if _, err := v.verify(ctx, i, token, t.Issuer, t.Header, t.Signed, t.Signature, now); err != nil {
		return nil, nil, err
	}
	e, err := meant(k.audience(i), t)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !slices.Contains(e.Algorithms, t.Header.Algorithm):
		return nil, nil, auth.Refuse(auth.AlgNotAllowed, "alg %.16q is not one of %q", t.Header.Algorithm, e.Algorithms)
	case t.IssuedAt.After(now.Add(e.Leeway)):
		return nil, nil, auth.Refuse(auth.TokenNotYetValid, "it will be issued in %v (iat); compare the clocks", t.IssuedAt.Sub(now).Round(time.Second))
	case now.Sub(t.IssuedAt) > maxEventAge+e.Leeway:
		return nil, nil, auth.Refuse(auth.TokenExpired, "it is %v old (iat); what is reported later than after %v is not taken", now.Sub(t.IssuedAt).Round(time.Second), maxEventAge)
	}
	return t, e, nil
}

// meant returns the entry whose audience a report names. Those of two tenants are nobody's.
func meant(audiences map[string]*entry, t *jws.Event) (found *entry, err error) {
	for _, audience := range t.Audience {
		e := audiences[audience]
		if e == nil {
			continue
		}
		if found != nil && found.Tenant != e.Tenant {
			return nil, auth.Refuse(auth.BadAudience, "it names the audiences of tenants %s and %s", found.Tenant, e.Tenant)
		}
		found = e
	}
	if found == nil {
		return nil, auth.Refuse(auth.BadAudience, "it names no audience that is configured for reports of iss %.128q (logout_audience, events_audience)", t.Issuer)
	}
	return found, nil
}
