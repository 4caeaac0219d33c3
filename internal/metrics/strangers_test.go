package metrics_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/dpop"
	"portcullis/internal/auth/proxy"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/auth/ticket"
	"portcullis/internal/broker/memory"
	"portcullis/internal/config"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/metrics"
	"portcullis/internal/metrics/tenants"
	"portcullis/internal/realm"
)

// doorway is a door of acme's and globex's, and both pages that hear of who comes.
type doorway struct {
	*door.Door
	issuer       *authtest.Issuer
	page, named  metrics.Page
	refused, let int
}

func newDoorway(t *testing.T) *doorway {
	t.Helper()
	d := &doorway{issuer: authtest.New("https://id.acme.example")}
	log, m := slog.New(slog.DiscardHandler), newMetrics()
	c, problems := config.Parse("portcullis.yaml", []byte(`
listen: {plaintext: true}
tenants:
  - id: acme
    origins: ["https://app.acme.example"]
    issuers: [{issuer: "https://id.acme.example", audience: portcullis, jwks_file: "`+d.issuer.WriteJWKS(t)+`"}]
  - id: globex
    issuers: [{issuer: "https://id.globex.example", audience: portcullis, jwks_file: "`+authtest.New("https://id.globex.example").WriteJWKS(t)+`"}]
`))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	gate := auth.NewSlots(2)
	snapshot, problems := realm.Build(c, realm.Options{Log: log, Keys: m.Keys(), Lists: m.Lists(), Candidates: m.Candidates(), Gate: m.Counted(metrics.Signatures, gate)})
	if snapshot == nil {
		t.Fatal(problems)
	}
	if err := snapshot.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	trust, err := proxy.New(proxy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	engine := memory.New()
	h := hub.New(engine, m.Hub(), log)
	ledger := revocation.NewLedger(engine.State(), func(context.Context, []byte) error { return nil }, func(revocation.Change) {}, log)
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = h.Run(ctx) })
	all.Go(func() { <-h.Reached(); _ = ledger.Run(ctx) })
	<-ledger.Ready()
	t.Cleanup(func() { stop(); all.Wait() })
	d.Door = door.New(door.Config{
		Realms: realm.NewRegistry(snapshot), Proxies: trust, Addresses: limit.NewAddresses(limit.AddressLimits{}), Tickets: ticket.NewOffice(engine.State()),
		Ledger: ledger, Proofs: dpop.New(dpop.Config{Gate: gate}), Observer: m.Gateway(), Log: log,
	})
	d.page = m.Page
	d.named = metrics.NewPage(tenants.New(tenants.Config{Tenants: snapshot.Tenants, Named: 200, Observer: m.Tenants(), Log: log}))
	return d
}

// series returns what a scraper would keep of both pages: every line without its value, Go's own apart.
func (d *doorway) series(t *testing.T) (all []string) {
	t.Helper()
	for _, p := range []metrics.Page{d.page, d.named} {
		text, err := p.Scrape()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "portcullis_") {
				all = append(all, line[:strings.LastIndexByte(line, ' ')])
			}
		}
	}
	slices.Sort(all)
	return all
}

// comes is somebody of an address with a token, and of a page where origin is not empty.
func (d *doorway) comes(from uint32, token, origin string) {
	r := httptest.NewRequest("GET", "/v1/ws", nil)
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], from)
	r.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4(b), 4711).String()
	r.Header.Set("Authorization", "Bearer "+token)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	if c, err := d.Ask(r, door.Handshake, time.Now()); err != nil {
		d.refused++
		d.Refuse(httptest.NewRecorder(), r, c, err)
	} else {
		d.let++
		d.Accept(c)
	}
}

// Whatever strangers write into their tokens and headers, no series is there behind them that was not there before: neither on the page that names nobody, nor on the one that names tenants.
func TestAHundredThousandStrangersAddNoSeries(t *testing.T) {
	attempts := uint32(20_000)
	if os.Getenv("PORTCULLIS_LONG") != "" {
		attempts = 100_000
	}
	d := newDoorway(t)
	before := d.series(t)
	good := d.issuer.Token("ana")
	now := time.Now().Unix()
	forged := func(issuer, kid, subject, tenant string) string {
		return authtest.Segment(fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":%q}`, kid)) + "." + authtest.Segment(fmt.Sprintf(
			`{"iss":%q,"sub":%q,"aud":"portcullis","iat":%d,"exp":%d,"tenant":%q}`, issuer, subject, now, now+600, tenant)) + "." + authtest.Segment(strings.Repeat("s", 64))
	}
	believed := 0
	for i := range attempts {
		word := strings.ToLower(rand.Text())
		switch {
		case i%1000 == 0: // these cost a verification each
			d.comes(i, forged(d.issuer.URL, d.issuer.KeyID, word, word), "")
		case i%3 == 0:
			d.comes(i, forged("https://"+word+".example", word, word, word), "")
		case i%3 == 1:
			d.comes(i, forged(d.issuer.URL, word, word, word), "https://"+word+".example")
		default:
			believed++
			d.comes(i, good, "https://"+word+".example")
		}
	}
	d.comes(1, good, "https://app.acme.example")
	if d.refused != int(attempts) || d.let != 1 {
		t.Errorf("%d were refused and %d let in, want %d and the last", d.refused, d.let, attempts)
	}
	if after := d.series(t); !slices.Equal(after, before) {
		t.Errorf("there were %d series, and now there are %d: %v", len(before), len(after), slices.DeleteFunc(after, func(s string) bool { return slices.Contains(before, s) }))
	}
	page, err := d.named.Scrape()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{ // those who were believed, and whose page was not acme's, are acme's: no others are anybody's
		`portcullis_tenant_handshakes_total{fault="client",result="rejected",tenant="acme"} ` + fmt.Sprint(believed),
		`portcullis_tenant_handshakes_total{fault="none",result="accepted",tenant="acme"} 1`,
		`portcullis_tenant_handshakes_total{fault="client",result="rejected",tenant="globex"} 0`,
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, page)
		}
	}
}
