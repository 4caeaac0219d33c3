package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/dpop"
	"portcullis/internal/auth/proxy"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/realm"
)

// office is the API of a gateway that is reached as gw.acme.example, behind a balancer, by users of one issuer.
type office struct {
	http.Handler
	issuer *authtest.Issuer

	mu      sync.Mutex
	reasons []auth.Reason
}

func (o *office) Answered(a *door.Attempt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reasons = append(o.reasons, a.Reason)
}

type deaf struct{ up chan struct{} }

func (deaf) Message(*message.Message) {}
func (deaf) Gap(channel.Ref)          {}
func (deaf) Command(broker.Command)   {}
func (d deaf) Up()                    { close(d.up) }
func (deaf) Down(error)               {}

func open(t *testing.T) *office {
	t.Helper()
	o := &office{issuer: authtest.New("https://id.acme.example")}
	c, problems := config.Parse("portcullis.yaml", []byte(`
listen: {plaintext: true, names: [gw.acme.example]}
tenants:
  - id: acme
    origins: ["https://app.acme.example"]
    issuers: [{issuer: "https://id.acme.example", audience: portcullis, jwks_file: "`+o.issuer.WriteJWKS(t)+`"}]
    rules: [{name: echo, allow: [echo], channels: ["echo"]}]
`))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	log, gate := slog.New(slog.DiscardHandler), auth.NewSlots(1)
	snapshot, problems := realm.Build(c, realm.Options{Log: log, Gate: gate})
	if snapshot == nil {
		t.Fatal(problems)
	}
	engine, heard := memory.New(), deaf{make(chan struct{})}
	ledger := revocation.NewLedger(engine.State(), func(context.Context, []byte) error { return nil }, func(revocation.Change) {}, log)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { engine.Run(ctx, heard) })
	<-heard.up
	all.Go(func() { ledger.Run(ctx) })
	<-ledger.Ready()
	t.Cleanup(func() { cancel(); all.Wait() })

	trust, err := proxy.New(proxy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	first := func(ctx context.Context, key string, ttl time.Duration) (bool, error) {
		return engine.State().Add(ctx, key, nil, ttl)
	}
	realms, tickets := realm.NewRegistry(snapshot), ticket.NewOffice(engine.State())
	d := door.New(door.Config{
		Realms: realms, Proxies: trust, Addresses: limit.NewAddresses(limit.AddressLimits{}), Ledger: ledger, Tickets: tickets, Observer: o, Log: log,
		Proofs: dpop.New(dpop.Config{Names: c.Listen.Names, Plaintext: c.Listen.Plaintext, Gate: gate, First: first}),
	})
	router := chi.NewRouter()
	api.New(api.Config{Door: d, Realms: realms, Ledger: ledger, Tickets: tickets, Memory: engine.State(), Observer: api.Observers{}}).Routes(router)
	o.Handler = router
	return o
}

// page is a page with a key, and a token that is bound to it.
type page struct {
	key   *authtest.Issuer
	token string
}

func (o *office) page() page {
	key := authtest.New("")
	return page{key, o.issuer.Token("ana", authtest.Claims{"cnf": map[string]any{"jkt": key.KeyID}})}
}

// proof is one for a ticket, with what claims changes, for token.
func (p page) proof(token string, claims authtest.Claims) string {
	sum := sha256.Sum256([]byte(token))
	all := authtest.Claims{
		"jti": "p1", "htm": "POST", "htu": "https://gw.acme.example/v1/tickets", "iat": time.Now().Unix(), "ath": base64.RawURLEncoding.EncodeToString(sum[:]),
	}
	maps.Copy(all, claims)
	jwk := p.key.JWK()
	return p.key.Sign(authtest.Claims{"typ": "dpop+jwt", "kid": authtest.Absent, "jwk": map[string]any{"kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"]}}, all)
}

// ask sends a request; headers are "Name: value". It returns what was recorded of it, too.
func (o *office) ask(method, target string, headers ...string) (answer *httptest.ResponseRecorder, reason auth.Reason) {
	r := httptest.NewRequest(method, target, http.NoBody)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	answer = httptest.NewRecorder()
	o.ServeHTTP(answer, r)
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.reasons); n > 0 {
		reason = o.reasons[n-1]
	}
	return answer, reason
}

func TestAPageWithAKeyGetsATicket(t *testing.T) {
	o := open(t)
	p := o.page()
	answer, reason := o.ask("POST", "/v1/tickets", "Host: gw.acme.example", "Authorization: DPoP "+p.token, "DPoP: "+p.proof(p.token, nil), "Origin: https://app.acme.example")
	var got struct {
		Ticket  string `json:"ticket"`
		Expires int64  `json:"expires"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || answer.Code != 201 || len(got.Ticket) != 43 || reason != door.Accepted {
		t.Fatalf("got %d %s, %v, %s", answer.Code, answer.Body, err, reason)
	}
	if in := time.Until(time.UnixMilli(got.Expires)); in <= 0 || in > ticket.Lifetime {
		t.Errorf("it ends in %v", in)
	}
	if got := answer.Header().Get("Access-Control-Allow-Origin"); got != "https://app.acme.example" {
		t.Errorf("the page may not read it: Access-Control-Allow-Origin is %q", got)
	}
}

// What a thief does with a token that is bound to a key, and with proofs that were made for something else.
func TestStolenBoundTokensGetNoTicket(t *testing.T) {
	o := open(t)
	ana, eve := o.page(), page{authtest.New(""), ""}
	other := o.page()
	unbound := o.issuer.Token("ana")
	expired := o.issuer.Token("ana", authtest.Claims{"exp": time.Now().Add(-time.Hour).Unix(), "cnf": map[string]any{"jkt": ana.key.KeyID}})
	used := ana.proof(ana.token, authtest.Claims{"jti": "used"})
	if answer, _ := o.ask("POST", "/v1/tickets", "Authorization: DPoP "+ana.token, "DPoP: "+used); answer.Code != 201 {
		t.Fatalf("got %d %s", answer.Code, answer.Body)
	}
	proven := func(token, proof string) []string { return []string{"Authorization: DPoP " + token, "DPoP: " + proof} }
	tests := []struct {
		name    string
		headers []string
		status  int
		want    auth.Reason
	}{
		{"as a bearer token", []string{"Authorization: Bearer " + ana.token}, 401, auth.TokenBound},
		{"as a bearer token beside its owner's proof", []string{"Authorization: Bearer " + ana.token, "DPoP: " + ana.proof(ana.token, nil)}, 401, auth.TokenBound},
		{"without a proof", []string{"Authorization: DPoP " + ana.token}, 401, auth.ProofInvalid},
		{"with an empty proof", proven(ana.token, ""), 401, auth.ProofInvalid},
		{"with the thief's own proof", proven(ana.token, eve.proof(ana.token, nil)), 401, auth.TokenBound},
		{"with the owner's proof for another token", proven(ana.token, ana.proof(other.token, nil)), 401, auth.ProofInvalid},
		{"with the proof of another page", proven(ana.token, other.proof(ana.token, nil)), 401, auth.TokenBound},
		{"with a proof that was used", proven(ana.token, used), 401, auth.ProofReplayed},
		{"with a proof for evil.example, sent to evil.example", append(proven(ana.token, ana.proof(ana.token, authtest.Claims{"htu": "https://evil.example/v1/tickets"})), "Host: evil.example"),
			401, auth.ProofInvalid},
		{"with a proof for whoami", proven(ana.token, ana.proof(ana.token, authtest.Claims{"htm": "GET", "htu": "https://gw.acme.example/v1/whoami"})), 401, auth.ProofInvalid},
		{"with a proof for plain http", proven(ana.token, ana.proof(ana.token, authtest.Claims{"htu": "http://gw.acme.example/v1/tickets"})), 401, auth.ProofInvalid},
		{"with two proofs", append(proven(ana.token, ana.proof(ana.token, authtest.Claims{"jti": "a"})), "DPoP: "+ana.proof(ana.token, authtest.Claims{"jti": "b"})), 401, auth.ProofInvalid},
		{"a token that is bound to nothing, with a proof", proven(unbound, ana.proof(unbound, nil)), 401, auth.TokenBound},
		{"a token that ended, with a proof", proven(expired, ana.proof(expired, nil)), 401, auth.TokenExpired},
		{"from a foreign page", append(proven(ana.token, ana.proof(ana.token, authtest.Claims{"jti": "c"})), "Origin: https://evil.example"), 403, door.OriginRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, reason := o.ask("POST", "/v1/tickets", tt.headers...)
			if answer.Code != tt.status || reason != tt.want || strings.Contains(answer.Body.String(), "ticket\"") {
				t.Errorf("got %d, %s: %s; want %d, %s", answer.Code, reason, answer.Body, tt.status, tt.want)
			}
			challenge := strings.Join(answer.Header().Values("WWW-Authenticate"), "; ")
			wrongProof := tt.want == auth.ProofInvalid || tt.want == auth.ProofReplayed
			if tt.status == 401 && (!strings.Contains(challenge, "DPoP ") || strings.Contains(challenge, "invalid_dpop_proof") != wrongProof) {
				t.Errorf("the challenge is %q", challenge)
			}
			for _, secret := range []string{ana.token, ana.key.KeyID, "evil.example/"} {
				if strings.Contains(answer.Body.String(), secret) {
					t.Errorf("the client is told %s", answer.Body)
				}
			}
		})
	}
}

// A proof counts where tickets are made, and nowhere else: a token that is bound to a key opens no other path.
func TestABoundTokenOpensNoOtherPath(t *testing.T) {
	o := open(t)
	p := o.page()
	proof := p.proof(p.token, authtest.Claims{"htm": "GET", "htu": "https://gw.acme.example/v1/whoami"})
	for _, scheme := range []string{"DPoP ", "Bearer "} {
		answer, _ := o.ask("GET", "/v1/whoami", "Authorization: "+scheme+p.token, "DPoP: "+proof)
		if answer.Code != 401 {
			t.Errorf("%s: got %d %s, want 401", scheme, answer.Code, answer.Body)
		}
	}
}
