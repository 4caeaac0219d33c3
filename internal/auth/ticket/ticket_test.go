package ticket_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker"
	"portcullis/internal/broker/memory"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
)

type deaf struct{ up chan struct{} }

func (deaf) Message(*message.Message) {}
func (deaf) Gap(channel.Ref)          {}
func (deaf) Command(broker.Command)   {}
func (d deaf) Up()                    { close(d.up) }
func (deaf) Down(error)               {}

// open returns an office over a real engine, which runs until the test ends.
func open(t *testing.T) (*ticket.Office, *memory.Broker) {
	t.Helper()
	engine := memory.New()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	up := make(chan struct{})
	go func() { defer close(done); engine.Run(ctx, deaf{up}) }()
	t.Cleanup(func() { cancel(); <-done })
	<-up
	return ticket.NewOffice(engine.State()), engine
}

var (
	page    = ticket.Origin{Value: "https://app.acme.example", Present: true}
	noPage  = ticket.Origin{}
	rooms   = pattern("room:*")
	ownCert = sha256.Sum256([]byte("ana's"))
	noCert  [sha256.Size]byte
)

func pattern(text string) channel.Pattern {
	p, err := channel.ParsePattern(text)
	if err != nil {
		panic(err)
	}
	return p
}

// ana has a value in every field, so that a field that is forgotten shows.
func ana() *auth.Principal {
	return &auth.Principal{
		Tenant: tenant.MustParse("acme"), User: "ana", Segment: "ana", Roles: []string{"member"}, Scopes: []string{"rt"},
		Claims: []auth.Claim{{Name: "org", Value: "7"}}, Info: `{"name":"<Ana>"}`, Grants: auth.NewGrants([]auth.Grant{{Actions: []string{"publish"}, Channels: []channel.Pattern{rooms}}}), Issuer: "https://id.acme.example", KeyID: "k1", TokenID: "t1", Session: "s1", Method: auth.DPoP,
		Certificate: &auth.Certificate{
			Fingerprint: ownCert, Links: []auth.Link{{Authority: sha256.Sum256([]byte("ca")), Serial: "\xff\x00\x01"}}, Expires: time.Now().Add(time.Hour).Round(0),
		},
		Issued: time.Now().Add(-time.Minute).Round(0), Expires: time.Now().Add(time.Hour).Round(0),
		Terms: &auth.Terms{
			Audience: "portcullis", AudienceClaim: "aud", TenantClaim: "org", Value: "7", RolesClaim: "roles", Prefix: "partner|", Leeway: time.Second,
			Identity: "uri", TrustDomain: "acme.example",
		},
		Algorithm: "ES256", Type: "jwt",
	}
}

func mint(t *testing.T, o *ticket.Office, p *auth.Principal, origin ticket.Origin) string {
	t.Helper()
	text, expires, err := o.Mint(t.Context(), p, origin, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(text) != 43 || expires.After(time.Now().Add(ticket.Lifetime)) {
		t.Fatalf("got %d characters until %v", len(text), expires)
	}
	return text
}

func TestATicketStandsForTheWholePrincipal(t *testing.T) {
	o, _ := open(t)
	want := ana()
	for name := range empty(reflect.ValueOf(*want), "principal") {
		t.Errorf("the test has nothing in %s: give it a value, and the stored document too", name)
	}
	got, err := o.Redeem(t.Context(), mint(t, o, want, page), page, ownCert, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want.Method = auth.Ticket
	if !got.Issued.Equal(want.Issued) || !got.Expires.Equal(want.Expires) || !got.Certificate.Expires.Equal(want.Certificate.Expires) {
		t.Errorf("got times %v, %v, %v", got.Issued, got.Expires, got.Certificate.Expires)
	}
	got.Issued, got.Expires, got.Certificate.Expires = want.Issued, want.Expires, want.Certificate.Expires
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// empty yields the fields of v, and of what it points to, that have no value.
func empty(v reflect.Value, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		switch {
		case v.IsZero():
			yield(name)
		case v.Kind() == reflect.Pointer:
			empty(v.Elem(), name)(yield)
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				empty(v.Index(i), name)(yield)
			}
		case v.Kind() == reflect.Struct && v.Type().PkgPath() != "time":
			for i := range v.NumField() {
				empty(v.Field(i), name+"."+v.Type().Field(i).Name)(yield)
			}
		}
	}
}

// A ticket is worth no more than the token that it was made for: what narrows the token goes with it, to the last grant, and also where nothing is left.
func TestATicketThatWouldWidenItsToken(t *testing.T) {
	o, _ := open(t)
	inbox, err := channel.Parse("user:ana:inbox")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		grants *auth.Grants
		want   bool
	}{
		{"a token with a grant for something else", ana().Grants, false},
		{"a token all of whose grants are for elsewhere", auth.NewGrants(nil), false},
		{"a token for the tenant alone", auth.NewGrants([]auth.Grant{{Actions: []string{"manage"}}}), false},
		{"a token without grants", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := ana()
			p.Grants = tt.grants
			got, err := o.Redeem(t.Context(), mint(t, o, p, page), page, ownCert, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if got.Grants.Cover("subscribe", inbox) != tt.want || (got.Grants == nil) != (tt.grants == nil) || len(got.Grants.List()) != len(tt.grants.List()) {
				t.Errorf("got %+v of %+v", got.Grants, tt.grants)
			}
		})
	}
}

// What has no end, such as the certificate of a device, ends in the last second of 9999; with the leeway added that is a year that JSON cannot write.
func TestATicketOfSomebodyWhoNeverEnds(t *testing.T) {
	o, _ := open(t)
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600)} {
		p := ana()
		p.Expires = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Add(time.Minute).In(zone)
		p.Certificate.Expires = p.Expires
		got, err := o.Redeem(t.Context(), mint(t, o, p, page), page, ownCert, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got.Expires.After(p.Expires) || got.Certificate.Expires.After(p.Expires) || got.Expires.Before(p.Expires.Add(-2*time.Minute)) {
			t.Errorf("got %v, %v; want the end of %v, and no later", got.Expires, got.Certificate.Expires, p.Expires)
		}
	}
}

// A ticket that is shown by a thief is gone before anything is said of it: of a thief and its owner, at once, at most one has it.
func TestAThiefBesideTheOwner(t *testing.T) {
	o, _ := open(t)
	for range 100 {
		text := mint(t, o, ana(), page)
		results := make(chan error, 2)
		go func() { _, err := o.Redeem(context.Background(), text, page, ownCert, time.Now()); results <- err }()
		go func() { _, err := o.Redeem(context.Background(), text, page, noCert, time.Now()); results <- err }()
		reasons := []auth.Reason{auth.ReasonOf(<-results), auth.ReasonOf(<-results)}
		slices.Sort(reasons)
		ownerFirst := slices.Equal(reasons, []auth.Reason{"", auth.TicketUnknown})
		thiefFirst := slices.Equal(reasons, []auth.Reason{auth.TicketStolen, auth.TicketUnknown})
		if !ownerFirst && !thiefFirst {
			t.Fatalf("got %q", reasons)
		}
	}
}

// Whoever has a ticket's principal may change it and changes nobody else's.
func TestTicketsOfOneTokenShareNothing(t *testing.T) {
	o, _ := open(t)
	p := ana()
	first, second := mint(t, o, p, page), mint(t, o, p, page)
	if first == second {
		t.Fatal("two tickets are one")
	}
	a, err := o.Redeem(t.Context(), first, page, ownCert, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a.Roles[0], a.Certificate.Links[0].Serial = "admin", ""
	b, err := o.Redeem(t.Context(), second, page, ownCert, time.Now())
	if err != nil || b.Roles[0] != "member" || b.Certificate.Links[0].Serial == "" || p.Roles[0] != "member" || p.Method != auth.DPoP {
		t.Errorf("got %+v, %v; minted of %+v", b, err, p)
	}
}

// Whoever writes into the engine's memory is believed in nothing that cannot be read to the end.
func TestAStoredTicketThatWasTamperedWith(t *testing.T) {
	o, engine := open(t)
	for _, change := range []struct {
		name     string
		from, to string
	}{
		{"another document behind it", `}`, `}{}`},
		{"no user", `"user":"ana"`, `"user":""`},
		{"no tenant", `"tenant":"acme"`, `"tenant":""`},
		{"a tenant that is none", `"tenant":"acme"`, `"tenant":"../acme"`},
		{"a field that is not known", `"user":`, `"admin":true,"user":`},
		{"another version", `"version":4`, `"version":2`},
		{"no version", `"version":4`, `"version":0`},
		{"a grant on what is no pattern", `"channels":["room:*"]`, `"channels":["room*"]`},
		{"a grant with more to it", `"grants":[{`, `"grants":[{"x":1,`},
		{"no end", `"ends":`, `"issuer":"x","ENDS":"0001-01-01T00:00:00Z","ends":"0001-01-01T00:00:00Z","issuer":`},
		{"a serial that is none", `"Serial":"`, `"Serial":"x`},
		{"half of it", `"origin"`, ""},
	} {
		t.Run(change.name, func(t *testing.T) {
			text := mint(t, o, ana(), page)
			sum := sha256.Sum256([]byte(text))
			key := "ticket/" + hex.EncodeToString(sum[:])
			value, ok, err := engine.State().Take(t.Context(), key)
			if !ok || err != nil {
				t.Fatalf("got %v, %v", ok, err)
			}
			at := strings.LastIndex(string(value), change.from)
			if at < 0 {
				t.Fatalf("%s has no %s", value, change.from)
			}
			changed := string(value[:at]) + change.to + string(value[at+len(change.from):])
			if err := engine.State().Put(t.Context(), key, []byte(changed), time.Minute); err != nil {
				t.Fatal(err)
			}
			if p, err := o.Redeem(t.Context(), text, page, ownCert, time.Now()); err == nil || p != nil {
				t.Errorf("got %v, %v", p, err)
			}
		})
	}
}

func TestAStolenTicketIsWorthless(t *testing.T) {
	withoutCertificate := ana()
	withoutCertificate.Certificate = nil
	other := sha256.Sum256([]byte("eve's"))
	tests := []struct {
		name        string
		of          *auth.Principal
		mintedBy    ticket.Origin
		shownBy     ticket.Origin
		certificate [sha256.Size]byte
		want        auth.Reason
	}{
		{"by the page that asked for it", withoutCertificate, page, page, noCert, ""},
		{"by a program, to a program", withoutCertificate, noPage, noPage, noCert, ""},
		{"by another page", withoutCertificate, page, ticket.Origin{Value: "https://evil.example", Present: true}, noCert, auth.TicketStolen},
		{"a page's by a program", withoutCertificate, page, noPage, noCert, auth.TicketStolen},
		{"a program's by a page", withoutCertificate, noPage, page, noCert, auth.TicketStolen},
		{"a program's by a page with an empty origin", withoutCertificate, noPage, ticket.Origin{Present: true}, noCert, auth.TicketStolen},
		{"over its certificate", ana(), noPage, noPage, ownCert, ""},
		{"without its certificate", ana(), noPage, noPage, noCert, auth.TicketStolen},
		{"over another certificate", ana(), noPage, noPage, other, auth.TicketStolen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := open(t)
			text := mint(t, o, tt.of, tt.mintedBy)
			p, err := o.Redeem(t.Context(), text, tt.shownBy, tt.certificate, time.Now())
			if got := auth.ReasonOf(err); got != tt.want || (p == nil) != (tt.want != "") {
				t.Errorf("got %v, %v; want %q", p, err, tt.want)
			}
			if _, err := o.Redeem(t.Context(), text, tt.mintedBy, ownCert, time.Now()); auth.ReasonOf(err) != auth.TicketUnknown {
				t.Errorf("shown again by its owner: got %v, want it gone", err)
			}
		})
	}
}

func TestALateTicketIsWorthless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := open(t)
		p := ana()
		early, late := mint(t, o, p, page), mint(t, o, p, page)
		short := ana()
		short.Expires = time.Now().Add(10 * time.Second)
		shorter := mint(t, o, short, page)
		time.Sleep(10 * time.Second)
		if _, err := o.Redeem(t.Context(), shorter, page, ownCert, time.Now()); auth.ReasonOf(err) != auth.TicketUnknown {
			t.Errorf("a ticket of a token that ended: got %v, want ticket_unknown", err)
		}
		time.Sleep(20*time.Second - time.Millisecond)
		if _, err := o.Redeem(t.Context(), early, page, ownCert, time.Now()); err != nil {
			t.Errorf("after 29.999s: %v", err)
		}
		time.Sleep(time.Millisecond)
		if _, err := o.Redeem(t.Context(), late, page, ownCert, time.Now()); auth.ReasonOf(err) != auth.TicketUnknown {
			t.Errorf("after 30s: got %v, want ticket_unknown", err)
		}
	})
}

func TestOfFiftyWhoShowATicketAtOnceOneGetsIn(t *testing.T) {
	o, _ := open(t)
	for range 40 {
		text := mint(t, o, ana(), page)
		var winners atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				switch p, err := o.Redeem(context.Background(), text, page, ownCert, time.Now()); {
				case err == nil && p.User == "ana":
					winners.Add(1)
				case auth.ReasonOf(err) != auth.TicketUnknown:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := winners.Load(); got != 1 {
			t.Fatalf("%d got in, want 1", got)
		}
	}
}

func TestWhatIsNoTicketIsNotLookedUp(t *testing.T) {
	o := ticket.NewOffice(nil)
	good := strings.Repeat("A", 43)
	for _, text := range []string{"", "A", good[:42], good + "A", good[:42] + "B", good[:42] + "=", good[:42] + "\n", good[:42] + "+", strings.Repeat("A", 1<<20)} {
		if _, err := o.Redeem(t.Context(), text, page, noCert, time.Now()); auth.ReasonOf(err) != auth.TicketUnknown {
			t.Errorf("%.50q: got %v, want ticket_unknown", text, err)
		}
	}
}

// Whoever reads the engine's memory finds no ticket in it.
func TestTheStoreHoldsNoTicket(t *testing.T) {
	o, engine := open(t)
	text := mint(t, o, ana(), page)
	ctx, cancel := context.WithCancel(t.Context())
	engine.State().Watch(ctx, "", func(key string, value []byte) {
		if strings.Contains(key, text) || strings.Contains(string(value), text) {
			t.Error("the ticket stands in the store")
		}
	}, cancel)
}

func TestAnEngineThatIsAwayIsTold(t *testing.T) {
	o := ticket.NewOffice(memory.New().State())
	if _, _, err := o.Mint(t.Context(), ana(), page, time.Now()); auth.ReasonOf(err) != auth.EngineAway || !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("mint: got %v, want engine_away", err)
	}
	if _, err := o.Redeem(t.Context(), strings.Repeat("A", 43), page, noCert, time.Now()); auth.ReasonOf(err) != auth.EngineAway {
		t.Errorf("redeem: got %v, want engine_away", err)
	}
}
