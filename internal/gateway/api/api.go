// Package api is what the edge answers over plain HTTP, beside the road of a WebSocket: who one is, tickets for browsers, and the ways in which a credential is
// taken back before its time. Every caller comes in through the same door.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/acl"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/gateway"
	"portcullis/internal/gateway/door"
	"portcullis/internal/problem"
	"portcullis/internal/realm"
	"portcullis/internal/wire"
)

// Config is what the API needs.
type Config struct {
	Door    *door.Door
	Realms  *realm.Registry
	Ledger  *revocation.Ledger
	Tickets *ticket.Office
	// Roster is who is connected to this node.
	Roster func() *gateway.Roster
	// Memory remembers, for all nodes, which messages of identity services were taken.
	Memory   Memory
	Observer Observer
}

// Memory is the engine's, as far as the API uses it. The engine's contract holds.
type Memory interface {
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) (added bool, err error)
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// Observer hears what callers did. Its methods must not wait.
type Observer interface {
	// Decided is a question about a caller that the policy answered.
	Decided(action acl.Action, d acl.Decision)
	// Minted is a ticket that was given to a caller.
	Minted(c *door.Caller)
	// Managed is something that a caller did to connections of its own tenant.
	Managed(c *door.Caller, operation, target string)
	// Revoked is something that ended credentials; source says who asked for it.
	Revoked(r *revocation.Revocation, source Source)
	// Notified is a message of an identity service: what became of it, empty when it was taken.
	Notified(source Source, failure string)
}

// Source says who took a credential back. The set is closed: it is a metric label.
type Source string

// The sources.
const (
	ByBackend  Source = "backend"        // POST /v1/revocations
	ByOperator Source = "operator"       // the administrators' listener
	ByLogout   Source = "logout"         // OpenID Connect Back-Channel Logout
	ByEvent    Source = "security_event" // RFC 8935
)

// Sources lists every source, for label sets that are created at zero.
var Sources = []Source{ByBackend, ByOperator, ByLogout, ByEvent}

// API is the handlers. It is safe for concurrent use.
type API struct{ config Config }

// New returns an API.
func New(c Config) *API { return &API{c} }

// Routes adds its paths. Pages of the tenants' lists may use those that a page has a use for.
func (a *API) Routes(r chi.Router) {
	whoami := a.config.Door.Open(http.MethodGet, a.Asked(door.API, a.whoami))
	r.Get("/v1/whoami", whoami)
	r.Options("/v1/whoami", whoami)
	mint := a.config.Door.Open(http.MethodPost, a.Asked(door.TicketMint, a.mint))
	r.Post("/v1/tickets", mint)
	r.Options("/v1/tickets", mint)
	check := a.config.Door.Open(http.MethodPost, a.Asked(door.API, a.permissions))
	r.Post("/v1/permissions/check", check)
	r.Options("/v1/permissions/check", check)
	r.Post("/v1/revocations", a.Managed(a.revoke))
	a.connectionRoutes(r)
	r.Post("/v1/logout", a.logout)
	r.Post("/v1/security-events", a.event)
}

// Failed is the answer to a request that the hub refused.
func Failed(f *wire.Fault) error { return &BadRequest{failure(f)} }

func failure(f *wire.Fault) problem.Problem {
	return problem.Problem{Code: f.Code, Detail: f.Message, Retry: f.Retry}
}

// Noted tells the security log of something that a caller did to its own tenant.
func (a *API) Noted(c *door.Caller, operation, target string) {
	a.config.Observer.Managed(c, operation, target)
}

// Counted counts n more messages of a caller, for what it asks.
func Counted(c *door.Caller, n int) error {
	if over := c.Tenant.Account.Ask(c.Started, c.Principal.User, n); over.Any() {
		return door.Later(door.MessageRate, over.Retry, "%s; every request, and every message in it, counts as a message", over.Text())
	}
	return nil
}

// answerBy is how long a request may take: somebody waits for the answer, and the listener lets nobody write one after ten seconds.
const answerBy = 8 * time.Second

// InTurn calls f, which is a longer piece of work than the request for it looks, in a turn among what the caller's tenant makes this node do: it is the tenant's to wait for. f must not wait.
func InTurn(c *door.Caller, f func()) {
	rota := c.Tenant.Account.Rota()
	rota.Take()
	defer rota.Give()
	f()
}

// Asked leads a request through the door.
func (a *API) Asked(p door.Purpose, next func(http.ResponseWriter, *http.Request, *door.Caller) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerBy)
		defer cancel()
		r = r.WithContext(ctx)
		c, err := a.config.Door.Ask(r, p, time.Now())
		if err == nil {
			err = next(w, r, c)
		}
		if bad, ok := errors.AsType[*BadRequest](err); ok {
			door.AnswerWith(w, bad.Problem)
			return
		}
		if err != nil {
			a.config.Door.Refuse(w, r, c, err)
			return
		}
		a.config.Door.Accept(c)
	}
}

// Answer writes a document that no cache may keep.
func Answer(w http.ResponseWriter, status int, document any) { AnswerText(w, status, Text(document)) }

// Text is a document as it is answered.
func Text(document any) []byte {
	var text bytes.Buffer
	body := json.NewEncoder(&text)
	body.SetEscapeHTML(false) // it is no HTML, and what users said stays as they wrote it
	_ = body.Encode(document) // all of them can be
	return text.Bytes()
}

// AnswerText is Answer for a document that is written already.
func AnswerText(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that left needs no answer
}

// maxBody is more than most requests here need.
const maxBody = 16 << 10

// BadRequest is a request whose body cannot be used, by somebody who was believed.
type BadRequest struct{ problem.Problem }

func (b *BadRequest) Error() string { return b.Detail }

// body reads a request's body of the media type wanted.
func body(w http.ResponseWriter, r *http.Request, want string) ([]byte, error) {
	return BodyOf(w, r, want, maxBody)
}

// mediaOf reads a Content-Type. One with a parameter that cannot be read is none: it may have said another charset.
func mediaOf(text string) (media, charset string) {
	media, parameters, err := mime.ParseMediaType(text)
	if err != nil {
		return "", ""
	}
	return media, parameters["charset"]
}

// UTF8 refuses every other charset: somebody in between who believes it reads another text.
func UTF8(charset string) error {
	if charset == "" || strings.EqualFold(charset, "utf-8") {
		return nil
	}
	return &BadRequest{problem.Problem{Code: wire.BadRequest, Status: http.StatusUnsupportedMediaType, Detail: fmt.Sprintf("charset %.64q is not UTF-8; send the body in UTF-8, and no other charset in Content-Type", charset)}}
}

// AskAgain is how old an answer may be to whether somebody is still who they were.
const AskAgain = 500 * time.Millisecond

// Body reads the body of a caller's request, of at most so many bytes. It may be kept back for as long as the listener waits, so that whoever was believed in front of it is asked about again behind it: what is revoked or changed meanwhile counts.
func (a *API) Body(w http.ResponseWriter, r *http.Request, c *door.Caller, want string, most int64) ([]byte, error) {
	text, err := BodyOf(w, r, want, most)
	if now := time.Now(); err == nil && now.Sub(c.Started) > AskAgain {
		err = a.config.Door.Again(c, now)
	}
	return text, err
}

// managing is Body for those who may manage their tenant, and may still.
func (a *API) managing(w http.ResponseWriter, r *http.Request, c *door.Caller) ([]byte, error) {
	before := c.Tenant
	text, err := a.Body(w, r, c, "application/json", maxBody)
	if err == nil && c.Tenant != before {
		err = a.mayManage(c)
	}
	return text, err
}

// BodyOf is body for one of at most so many bytes.
func BodyOf(w http.ResponseWriter, r *http.Request, want string, most int64) ([]byte, error) {
	types := r.Header.Values("Content-Type")
	media, charset := "", ""
	if len(types) == 1 {
		media, charset = mediaOf(types[0])
	}
	if media != want {
		return nil, &BadRequest{problem.Problem{Code: wire.BadRequest, Status: http.StatusUnsupportedMediaType, Detail: "send the body as Content-Type: " + want}}
	}
	if err := UTF8(charset); err != nil {
		return nil, err
	}
	if strings.Join(r.Header.Values("Content-Encoding"), "") != "" {
		return nil, &BadRequest{problem.Problem{Code: wire.BadRequest, Status: http.StatusUnsupportedMediaType, Detail: "send the body as it is, without Content-Encoding"}}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &BadRequest{problem.Problem{Code: wire.TooLarge, Detail: fmt.Sprintf("the body has more than %d bytes", most)}}
	}
	if err != nil {
		return nil, &BadRequest{problem.Problem{Code: wire.BadRequest, Detail: "the body ended before its time"}}
	}
	return text, nil
}
