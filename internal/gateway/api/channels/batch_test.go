package channels_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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
	"portcullis/internal/message"
	"portcullis/internal/realm"
)

// slow is an engine that takes a while for each message, and tells of it.
type slow struct {
	broker.Broker
	tell func()
}

func (s slow) Publish(ctx context.Context, m message.Message, k broker.Keep) (broker.Receipt, error) {
	s.tell()
	time.Sleep(300 * time.Millisecond)
	return s.Broker.Publish(ctx, m, k)
}

// unheard tells nobody.
type unheard struct{ hub.Observer }

func (unheard) Decided(acl.Action, acl.Decision) {}

// Whose credential is revoked while their batch is said says no more of it.
func TestABatchOfSomebodyWhoIsRevokedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := authtest.New("https://id.acme.example")
		c, problems := config.Parse("portcullis.yaml", []byte(`
listen: {plaintext: true}
tenants:
  - id: acme
    issuers: [{issuer: "https://id.acme.example", audience: portcullis, jwks_file: "`+issuer.WriteJWKS(t)+`"}]
    rules: [{name: all, allow: [publish], channels: ["**"]}]
`))
		if config.Failed(problems) {
			t.Fatal(problems)
		}
		log := slog.New(slog.DiscardHandler)
		snapshot, problems := realm.Build(c, realm.Options{Log: log, Gate: auth.NewSlots(1)})
		if snapshot == nil {
			t.Fatal(problems)
		}
		engine, said := memory.New(), 0
		ledger := revocation.NewLedger(engine.State(), func(context.Context, []byte) error { return nil }, func(revocation.Change) {}, log)
		h := hub.New(slow{engine, func() {
			if said++; said == 1 {
				acme := snapshot.Tenants()[0].ID
				if err := ledger.Revoke(t.Context(), revocation.Revocation{Tenant: acme, Kind: revocation.User, Value: "ana", Before: time.Now(), Until: time.Now().Add(time.Hour)}); err != nil {
					t.Error(err)
				}
			}
		}}, unheard{}, log)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { h.Run(ctx) })
		<-h.Reached()
		all.Go(func() { ledger.Run(ctx) })
		<-ledger.Ready()
		t.Cleanup(func() { cancel(); all.Wait() })
		trust, err := proxy.New(proxy.Config{})
		if err != nil {
			t.Fatal(err)
		}
		d := door.New(door.Config{Realms: realm.NewRegistry(snapshot), Proxies: trust, Addresses: limit.NewAddresses(limit.AddressLimits{}), Ledger: ledger, Observer: door.Observers{}, Log: log})
		router := chi.NewRouter()
		channels.New(api.New(api.Config{Door: d, Observer: api.Observers{}}), d, h).Routes(router)

		r := httptest.NewRequest(http.MethodPost, "/v1/messages/batch", strings.NewReader(`{"messages":[`+strings.TrimSuffix(strings.Repeat(`{"channel":"a","data":1},`, 9), ",")+`]}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+issuer.Token("ana"))
		time.Sleep(time.Second) // the token is older than the revocation
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if n := strings.Count(w.Body.String(), `{"channel":"a"}`); w.Code != http.StatusOK || said != 2 || n != 2 || strings.Count(w.Body.String(), `"unauthorized"`) != 7 {
			t.Errorf("got %d %s; %d were said, want 2 within half a second, and 7 refused", w.Code, w.Body, said)
		}
	})
}
