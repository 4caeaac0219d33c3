package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/gateway/door"
	"portcullis/internal/wire"
)

// seenFor is how long a message of an identity service is remembered, so that it counts once: longer than it is taken.
const seenFor = 25 * time.Hour

// errAgain is the error of a message that was taken before.
var errAgain = errors.New("it was taken before (jti)")

// logout takes a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.5): 200 when its user is out everywhere, 400 when it is not believed.
func (a *API) logout(w http.ResponseWriter, r *http.Request) {
	a.notice(w, r, ByLogout, func(text []byte) (string, error) {
		form, err := url.ParseQuery(string(text))
		if err != nil || len(form["logout_token"]) != 1 {
			return "", auth.Refuse(auth.TokenMalformed, "the body has %d logout_token; it must have one, as a form", len(form["logout_token"]))
		}
		return form["logout_token"][0], nil
	})
}

// event takes a security event token (RFC 8935, section 2): 202 when what it reports has taken effect.
func (a *API) event(w http.ResponseWriter, r *http.Request) {
	a.notice(w, r, ByEvent, func(text []byte) (string, error) { return string(text), nil })
}

// media is how each source sends its messages.
var media = map[Source]string{ByLogout: "application/x-www-form-urlencoded", ByEvent: "application/secevent+jwt"}

// notice takes a message of an identity service, whose signature is its credential.
func (a *API) notice(w http.ResponseWriter, r *http.Request, s Source, token func([]byte) (string, error)) {
	now := time.Now()
	c, err := a.config.Door.Meet(r, door.Notice, now)
	if err != nil {
		a.config.Door.Refuse(w, r, c, err)
		return
	}
	text, err := body(w, r, media[s])
	if bad, ok := errors.AsType[*BadRequest](err); ok {
		err = auth.Refuse(auth.TokenMalformed, "%s", bad.Detail)
	}
	if err == nil {
		var jwt string
		if jwt, err = token(text); err == nil {
			err = a.take(r, s, jwt, now)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case err == nil, s == ByEvent && errors.Is(err, errAgain): // RFC 8935, section 2.4: a repetition is acknowledged like the first
		a.config.Observer.Notified(s, "")
		a.config.Door.Accept(c)
		w.WriteHeader(map[Source]int{ByLogout: http.StatusOK, ByEvent: http.StatusAccepted}[s])
	default:
		answered := a.config.Door.Deny(r, c, err)
		a.config.Observer.Notified(s, string(answered.Reason))
		deny(w, s, answered)
	}
}

// claimedFor is how long a message is being taken at most. A claim is not kept on the disk: what was claimed when a node died comes again and is taken.
const claimedFor = 30 * time.Second

// take does what a message says, once. It is claimed first, so that one which is shown again does nothing, not even after somebody took back what it did; it is remembered
// last: one that could not be taken comes again, and must then be.
func (a *API) take(r *http.Request, s Source, token string, now time.Time) error {
	verify := a.config.Realms.Current().SecurityEvent
	if s == ByLogout {
		verify = a.config.Realms.Current().Logout
	}
	ended, err := verify(r.Context(), token, now)
	if err != nil {
		return err
	}
	key := seenKey(ended)
	switch first, err := a.config.Memory.Add(r.Context(), key, nil, claimedFor); {
	case err != nil:
		return auth.Refuse(auth.EngineAway, "nobody can say whether it was taken before: %w", err)
	case !first:
		return &auth.Refusal{Reason: auth.TokenReplayed, Err: errAgain}
	}
	if err := a.obey(r, s, ended, now); err != nil {
		_ = a.config.Memory.Put(context.WithoutCancel(r.Context()), key, nil, -1) // else it can come again when the claim is over
		return err
	}
	if err := a.config.Memory.Put(r.Context(), key, nil, seenFor); err != nil {
		return auth.Refuse(auth.EngineAway, "it cannot be remembered: %w", err)
	}
	return nil
}

// obey revokes what a message reports as ended.
func (a *API) obey(r *http.Request, s Source, ended *jwt.Ended, now time.Time) error {
	revoked := a.named(ended, now)
	if revoked == nil {
		return nil
	}
	if err := revoked.Validate(now); err != nil {
		return auth.Refuse(auth.BadSubject, "%w", err)
	}
	if err := a.apply(r, revoked); err != nil {
		return unavailable(err)
	}
	a.config.Observer.Revoked(revoked, s)
	return nil
}

// unavailable makes an error of the engine one that passes: the service sends its message again.
func unavailable(err error) error {
	if bad, ok := errors.AsType[*BadRequest](err); ok {
		return auth.Refuse(auth.EngineAway, "%s", bad.Detail)
	}
	return err
}

// named returns the revocation that a message asks for, nil when it asks for none.
func (a *API) named(e *jwt.Ended, now time.Time) *revocation.Revocation {
	r := &revocation.Revocation{Tenant: e.Tenant, Before: e.Before}
	switch {
	case e.Session != "":
		r.Kind, r.Value, r.Issuer, r.User = revocation.Session, e.Session, e.Issuer, e.User
	case e.User != "":
		r.Kind, r.Value = revocation.User, e.User
	default:
		return nil
	}
	if t := a.config.Realms.Current().Tenant(e.Tenant); t != nil && t.TokenLife > 0 {
		r.Until = now.Add(t.TokenLife)
	}
	return r
}

// seenKey is where it is remembered that a message counted: one for each issuer and jti.
func seenKey(e *jwt.Ended) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(e.Issuer), e.Issuer, e.ID))
	return "seen/" + hex.EncodeToString(sum[:])
}

// deny answers in the words of the protocol.
func deny(w http.ResponseWriter, s Source, a door.Answer) {
	if a.Fault == door.ServerFault {
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(wire.Unavailable.Status())
		return
	}
	if s == ByLogout { // OpenID Connect Back-Channel Logout 1.0, section 2.8
		Answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": "the logout token was not taken: " + string(a.Reason)})
		return
	}
	w.Header().Set("Content-Language", "en") // RFC 8935, section 2.3
	Answer(w, http.StatusBadRequest, map[string]string{"err": eventError(a.Reason), "description": "the security event token was not taken: " + string(a.Reason)})
}

// eventError returns the error code of RFC 8935, section 2.4.
func eventError(r auth.Reason) string {
	switch r {
	case auth.BadIssuer:
		return "invalid_issuer"
	case auth.BadAudience:
		return "invalid_audience"
	case auth.BadSignature, auth.UnknownKey, auth.AlgKeyMismatch, auth.AlgNotAllowed, auth.EmbeddedKey:
		return "invalid_key"
	}
	return "invalid_request"
}
