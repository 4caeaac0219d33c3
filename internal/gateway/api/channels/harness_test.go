package channels_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/proxy"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/config"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/api/channels"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// unheard tells nobody.
type unheard struct{ hub.Observer }

func (unheard) Decided(acl.Action, acl.Decision) {}
func (unheard) Read(int)                         {}

// counter is the handlers for backends, of a gateway with one tenant, acme.
type counter struct {
	http.Handler
	issuer *authtest.Issuer
	ledger *revocation.Ledger
	acme   tenant.ID
	rota   *limit.Rota // acme's
}

// open lets over stand between the hub and its engine. What stands in the tenant's file beside its issuer is the test's.
func open(t *testing.T, rules string, over func(*counter, broker.Broker) broker.Broker) *counter {
	t.Helper()
	k := &counter{issuer: authtest.New("https://id.acme.example")}
	c, problems := config.Parse("portcullis.yaml", []byte(`
listen: {plaintext: true}
tenants:
  - id: acme
    issuers: [{issuer: "https://id.acme.example", audience: portcullis, jwks_file: "`+k.issuer.WriteJWKS(t)+`"}]
`+rules))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	log := slog.New(slog.DiscardHandler)
	snapshot, problems := realm.Build(c, realm.Options{Log: log, Gate: auth.NewSlots(1)})
	if snapshot == nil {
		t.Fatal(problems)
	}
	k.acme, k.rota = snapshot.Tenants()[0].ID, snapshot.Tenants()[0].Account.Rota()
	engine := memory.New()
	k.ledger = revocation.NewLedger(engine.State(), func(context.Context, []byte) error { return nil }, func(revocation.Change) {}, log)
	h := hub.New(over(k, engine), unheard{}, log)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { h.Run(ctx) })
	<-h.Reached()
	all.Go(func() { k.ledger.Run(ctx) })
	<-k.ledger.Ready()
	t.Cleanup(func() { cancel(); all.Wait() })
	trust, err := proxy.New(proxy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	d := door.New(door.Config{Realms: realm.NewRegistry(snapshot), Proxies: trust, Addresses: limit.NewAddresses(limit.AddressLimits{}), Ledger: k.ledger, Observer: door.Observers{}, Log: log})
	router := chi.NewRouter()
	channels.New(api.New(api.Config{Door: d, Observer: api.Observers{}}), d, h).Routes(router)
	k.Handler = router
	return k
}

// request is one of ana's.
func (k *counter) request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+k.issuer.Token("ana"))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (k *counter) answer(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	k.ServeHTTP(w, r)
	return w
}

// revoke ends what a user of acme was given until now.
func (k *counter) revoke(t *testing.T, user string) {
	t.Helper()
	now := time.Now()
	if err := k.ledger.Revoke(t.Context(), revocation.Revocation{Tenant: k.acme, Kind: revocation.User, Value: user, Before: now, Until: now.Add(time.Hour)}); err != nil {
		t.Error(err)
	}
}
