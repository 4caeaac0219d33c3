package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/auth/revocation"
	"portcullis/internal/doctor"
	"portcullis/internal/gateway"
	"portcullis/internal/gateway/api"
	"portcullis/internal/problem"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
)

// Operations are what an administrator does to the whole cluster.
type Operations struct {
	Realms   *realm.Registry
	Ledger   *revocation.Ledger
	Observer Observer
	// Roster is who is connected to this node.
	Roster func() *gateway.Roster
	// Doctor tries the walls between the tenants of this node; nil for none.
	Doctor *doctor.Doctor
	// Reload takes the configuration anew; nil for a node that has no file to read again.
	Reload Reload

	comparing sync.Mutex // held by the one comparison that runs
}

// Observer hears what administrators did. Its methods must not wait.
type Observer interface {
	Administered(operation, target, remote string)
	Revoked(r *revocation.Revocation, by api.Source)
}

// maxBody is more than any request here needs.
const maxBody = 16 << 10

func (o *Operations) routes(r chi.Router) {
	r.Get("/tenants", o.tenants)
	r.Post("/tenants/{tenant}/suspend", o.of(o.suspend))
	r.Post("/tenants/{tenant}/resume", o.of(o.resume))
	r.Get("/tenants/{tenant}/revocations", o.of(o.revocations))
	r.Post("/tenants/{tenant}/revocations", o.of(o.revoke))
	r.Delete("/tenants/{tenant}/revocations/{id}", o.of(o.lift))
	r.Post("/tenants/{tenant}/diff", o.of(o.diff))
	r.Get("/tenants/{tenant}/connections", o.of(o.connections))
	r.Get("/tenants/{tenant}/connections/{connection}", o.of(o.connection))
	r.Delete("/tenants/{tenant}/connections/{connection}", o.of(o.disconnect))
	r.Delete("/tenants/{tenant}/users/{user}/connections", o.of(o.disconnectUser))
	r.Post("/reload", o.reload)
	if o.Doctor != nil {
		r.Post("/doctor", o.examine)
	}
}

// state is a tenant as administrators see it.
type state struct {
	ID          string `json:"id"`
	Suspended   bool   `json:"suspended"`
	Connections int    `json:"connections"` // on this node
}

func (o *Operations) state(t *realm.Tenant) state {
	return state{t.ID.String(), o.Ledger.Suspended(t.ID), t.Account.Connections()}
}

func (o *Operations) tenants(w http.ResponseWriter, _ *http.Request) {
	all := []state{}
	for _, t := range o.Realms.Current().Tenants() {
		all = append(all, o.state(t))
	}
	answer(w, http.StatusOK, all)
}

// of finds the tenant that a path names.
func (o *Operations) of(next func(http.ResponseWriter, *http.Request, *realm.Tenant) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var t *realm.Tenant
		if id, err := tenant.Parse(chi.URLParam(r, "tenant")); err == nil {
			t = o.Realms.Current().Tenant(id)
		}
		if t == nil {
			refuse(w, wire.NotFound, "there is no such tenant; GET /admin/v1/tenants lists them")
			return
		}
		err := next(w, r, t)
		switch bad, is := errors.AsType[*api.BadRequest](err); {
		case is:
			problem.Write(w, bad.Problem)
		case errors.Is(err, revocation.ErrFull):
			refuse(w, wire.QuotaExceeded, err.Error())
		case err != nil:
			refuse(w, wire.Unavailable, "the engine did not take it: "+err.Error())
		}
	}
}

func (o *Operations) suspend(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	if err := o.Ledger.Suspend(r.Context(), t.ID); err != nil {
		return err
	}
	o.Observer.Administered("tenant.suspend", t.ID.String(), r.RemoteAddr)
	answer(w, http.StatusOK, o.state(t))
	return nil
}

func (o *Operations) resume(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	if err := o.Ledger.Resume(r.Context(), t.ID); err != nil {
		return err
	}
	o.Observer.Administered("tenant.resume", t.ID.String(), r.RemoteAddr)
	answer(w, http.StatusOK, o.state(t))
	return nil
}

func (o *Operations) revocations(w http.ResponseWriter, _ *http.Request, t *realm.Tenant) error {
	all := []json.Marshaler{}
	for _, r := range o.Ledger.List(t.ID) {
		all = append(all, api.Shown(r))
	}
	answer(w, http.StatusOK, all)
	return nil
}

func (o *Operations) revoke(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return &api.BadRequest{Problem: problem.Problem{Code: wire.TooLarge, Detail: "the body has more than 16384 bytes, or ended before its time"}}
	}
	wanted, err := api.Read(text, t, time.Now())
	if err != nil {
		return err
	}
	if err := o.Ledger.Revoke(r.Context(), *wanted); err != nil {
		return err
	}
	o.Observer.Revoked(wanted, api.ByOperator)
	o.Observer.Administered("revoke", t.ID.String(), r.RemoteAddr)
	answer(w, http.StatusCreated, api.Shown(wanted))
	return nil
}

func (o *Operations) lift(w http.ResponseWriter, r *http.Request, t *realm.Tenant) error {
	there, err := o.Ledger.Lift(r.Context(), t.ID, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	if !there {
		refuse(w, wire.NotFound, "the tenant has no such revocation")
		return nil
	}
	o.Observer.Administered("revocation.lift", t.ID.String(), r.RemoteAddr)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // a client that left needs no answer
}
