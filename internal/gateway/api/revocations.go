package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/gateway/door"
	"portcullis/internal/problem"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// wanted is what somebody asks to end. Times are milliseconds since 1970; what they mean when left out stands at [Read].
type wanted struct {
	Kind   revocation.Kind `json:"kind"`
	Value  string          `json:"value"`
	Issuer string          `json:"issuer"`
	User   string          `json:"user"`
	Before *int64          `json:"before"`
	Until  *int64          `json:"until"`
	Reason string          `json:"reason"`
}

// revoked is the answer: the revocation, and the id by which it can be lifted.
type revoked struct {
	ID string `json:"id"`
	*revocation.Revocation
}

// MarshalJSON writes both; without it the embedded one would write itself alone.
func (r revoked) MarshalJSON() ([]byte, error) {
	text, err := r.Revocation.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return append([]byte(`{"id":"`+r.ID+`",`), text[1:]...), nil
}

// Shown is a revocation as the API shows it.
func Shown(r *revocation.Revocation) json.Marshaler { return revoked{r.ID(), r} }

// Read reads what a tenant's backend, or an operator, wants to end. Without before a user's credentials end that were issued until now, and everything else whenever it was
// issued. Without until it lasts as long as a token of the tenant may live, and for a key or a certificate for ever.
func Read(text []byte, t *realm.Tenant, now time.Time) (*revocation.Revocation, error) {
	var w wanted
	if err := Decode(text, &w, `the body is no revocation such as {"kind":"user","value":"ana"}; its members are kind, value, issuer, user, before, until and reason`); err != nil {
		return nil, err
	}
	r := &revocation.Revocation{Tenant: t.ID, Kind: w.Kind, Value: w.Value, Issuer: w.Issuer, User: w.User, Reason: w.Reason, Made: now}
	switch {
	case w.Before != nil && *w.Before <= 0:
		return nil, Unreadable("before is not after 1970; leave it out, or write milliseconds since then")
	case w.Before != nil:
		r.Before = time.UnixMilli(*w.Before)
	case w.Kind == revocation.User:
		r.Before = now
	}
	switch {
	case w.Until != nil:
		r.Until = time.UnixMilli(*w.Until)
	case t.TokenLife > 0 && w.Kind != revocation.Key && w.Kind != revocation.Certificate && !strings.HasPrefix(w.Value, auth.CertificateUsers):
		r.Until = now.Add(t.TokenLife)
	}
	if err := r.Validate(now); err != nil {
		return nil, Unreadable(err.Error())
	}
	return r, nil
}

// Unreadable refuses a request that cannot be used, and says why.
func Unreadable(detail string) error {
	return &BadRequest{problem.Problem{Code: wire.BadRequest, Detail: detail}}
}

// revoke ends credentials of the caller's own tenant, for whoever may manage it. When it is answered, nobody gets in with them on any node, and who is in is being told goodbye.
func (a *API) revoke(w http.ResponseWriter, r *http.Request, c *door.Caller) error {
	text, err := a.managing(w, r, c)
	if err != nil {
		return err
	}
	wanted, err := Read(text, c.Tenant, time.Now())
	if err != nil {
		return err
	}
	if err := a.apply(r, wanted); err != nil {
		return err
	}
	a.config.Observer.Revoked(wanted, ByBackend)
	Answer(w, http.StatusCreated, Shown(wanted))
	return nil
}

// apply takes a revocation into effect everywhere.
func (a *API) apply(r *http.Request, wanted *revocation.Revocation) error {
	err := a.config.Ledger.Revoke(r.Context(), *wanted)
	switch {
	case errors.Is(err, revocation.ErrFull):
		return &BadRequest{problem.Problem{Code: wire.QuotaExceeded, Detail: err.Error()}}
	case err != nil:
		return auth.Refuse(auth.EngineAway, "%w", err)
	}
	return nil
}
