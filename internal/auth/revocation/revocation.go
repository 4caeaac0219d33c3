package revocation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"portcullis/internal/auth"
	"portcullis/internal/tenant"
)

// Kind says what a revocation names. The set is closed: it is a metric label.
type Kind string

// The kinds.
const (
	Token       Kind = "token"       // by its id, jti
	User        Kind = "user"        // everything that was issued to a user until a moment
	Session     Kind = "session"     // everything of one session at the identity service, sid
	Key         Kind = "key"         // everything that a key signed, kid
	Certificate Kind = "certificate" // by its SHA-256
)

// Kinds lists every kind, for label sets that are created at zero.
var Kinds = []Kind{Token, User, Session, Key, Certificate}

// Revocation ends the credentials of one tenant that it names. It does not change.
type Revocation struct {
	Tenant tenant.ID
	Kind   Kind
	// Value is the token's jti, the user as the tenant's one string for it, the sid, the kid, or the certificate's SHA-256 in lower-case hex.
	Value string
	// Issuer narrows a token, a session or a key to those of one issuer; empty means any of the tenant's.
	Issuer string
	// User, beside a session, also ends what this user was given without any sid: nobody can tell to which session that belongs.
	User string
	// Before leaves alone what was issued later. A credential that does not say when it was issued counts as older. Zero ends all. Beside a session it is about what the user was
	// given without a sid: the session itself ended for good.
	Before time.Time
	// Until is when nothing that it could end can be valid any more; zero is never.
	Until  time.Time
	Reason string // for people
	// Made is when it was asked for. It tells one revocation from the next of the same thing.
	Made time.Time
}

// The bounds of texts.
const (
	maxValue  = 1024 // what a token's claims may have
	maxReason = 256
)

// clocks is how far the clock of whoever writes Before may be ahead.
const clocks = 30 * time.Second

// Validate says what is wrong with a revocation that somebody asks for at now.
func (r *Revocation) Validate(now time.Time) error {
	switch {
	case r.Before.After(now.Add(clocks)):
		return fmt.Errorf("before is %s, which is to come; what is not issued yet cannot be revoked", r.Before.UTC().Format(time.RFC3339))
	case !r.Until.IsZero() && !r.Until.After(now):
		return fmt.Errorf("until is %s, which is over; it would end nothing", r.Until.UTC().Format(time.RFC3339))
	}
	return r.form()
}

// form says what is wrong with a revocation whenever it is looked at.
func (r *Revocation) form() error {
	switch {
	case r.Tenant.IsZero():
		return fmt.Errorf("a revocation has no tenant; say whose credentials it ends")
	case !known(r.Kind):
		return fmt.Errorf("kind %.32q is not known; use token, user, session, key or certificate", r.Kind)
	case r.Value == "" || len(r.Value) > maxValue || !plain(r.Value):
		return fmt.Errorf("value has %d bytes; it must be 1 to %d bytes of text without control characters", len(r.Value), maxValue)
	case r.Kind == Certificate && !fingerprint(r.Value):
		return fmt.Errorf("value %.80q is no fingerprint; write the SHA-256 of the certificate as 64 digits of lower-case hex", r.Value)
	case r.Issuer != "" && (r.Kind == User || r.Kind == Certificate):
		return fmt.Errorf("a revocation of kind %s has an issuer; leave it out, or name a token, a session or a key", r.Kind)
	case r.User != "" && r.Kind != Session:
		return fmt.Errorf("a revocation of kind %s has a user beside its value; leave it out, or name a session", r.Kind)
	case len(r.Issuer) > maxValue || !plain(r.Issuer) || len(r.User) > maxValue || !plain(r.User):
		return fmt.Errorf("issuer or user is longer than %d bytes, or has control characters", maxValue)
	case r.Kind == User && r.Before.IsZero():
		return fmt.Errorf("a revocation of a user has no time; say until when what was issued ends, or nobody could let the user in again")
	case len(r.Reason) > maxReason || !plain(r.Reason):
		return fmt.Errorf("reason has %d bytes; it may have %d, without control characters", len(r.Reason), maxReason)
	}
	return nil
}

func known(k Kind) bool {
	for _, other := range Kinds {
		if k == other {
			return true
		}
	}
	return false
}

func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

func fingerprint(s string) bool {
	sum, err := hex.DecodeString(s)
	return err == nil && len(sum) == sha256.Size && strings.ToLower(s) == s
}

// Ends reports whether p's credential is one that r names.
func (r *Revocation) Ends(p *auth.Principal) bool {
	if p.Tenant != r.Tenant || r.Issuer != "" && r.Issuer != p.Issuer {
		return false
	}
	switch r.Kind {
	case Token:
		return r.old(p) && p.TokenID == r.Value
	case User:
		return r.old(p) && p.User == r.Value
	case Session:
		return p.Session == r.Value || p.Session == "" && r.User != "" && r.old(p) && p.User == r.User
	case Key:
		return r.old(p) && p.KeyID == r.Value
	case Certificate:
		return r.old(p) && p.Certificate != nil && hex.EncodeToString(p.Certificate.Fingerprint[:]) == r.Value
	}
	return false
}

// old reports whether p's credential is not younger than the revocation reaches.
func (r *Revocation) old(p *auth.Principal) bool {
	return r.Before.IsZero() || p.Issued.IsZero() || !p.Issued.After(r.Before)
}

// over reports whether r ends nothing any more.
func (r *Revocation) over(now time.Time) bool { return !r.Until.IsZero() && !now.Before(r.Until) }

// ID names what is revoked: two revocations of one thing have one id, and no two things have.
func (r *Revocation) ID() string {
	h := sha256.New()
	for _, part := range []string{r.Tenant.String(), string(r.Kind), r.Issuer, r.Value} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// merge returns a revocation that ends whatever one of two of one thing ends.
func (r *Revocation) merge(other *Revocation) *Revocation {
	both := *r
	if both.Before.IsZero() || other.Before.IsZero() {
		both.Before = time.Time{}
	} else if other.Before.After(both.Before) {
		both.Before = other.Before
	}
	if both.Until.IsZero() || other.Until.IsZero() {
		both.Until = time.Time{}
	} else if other.Until.After(both.Until) {
		both.Until = other.Until
	}
	if both.User == "" {
		both.User = other.User
	}
	if other.Made.After(both.Made) {
		both.Made = other.Made
	}
	return &both
}
