package e2ee

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	fetchTime  = 10 * time.Second
	fetchAgain = time.Minute // at the earliest: an unknown kid is something that a stranger makes up
	fetchFresh = time.Hour   // after that a key that the issuer took back must not count
)

var errAsked = errors.New("the issuer was asked less than a minute ago")

// remote is a key set at its issuer's. One fetch runs at a time, in the turn of whoever needs it.
type remote struct {
	url    string
	client *http.Client
	turn   chan struct{} // holds one token; whoever has it owns what follows

	set     keySet
	fetched time.Time // when set was
	asked   time.Time // the last time, whatever came of it
	failed  error     // what came of it
}

func newRemote(address string, client *http.Client) (*remote, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no address of a key set", address)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("%q must be https: whoever sits between could replace the keys; http is for this machine alone", address)
	}
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r := &remote{url: address, client: &own, turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (r *remote) lookup(ctx context.Context, kid string) (*issuerKey, error) {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	fresh := r.set != nil && time.Since(r.fetched) < fetchFresh
	if fresh && r.set[kid] != nil {
		return r.set[kid], nil
	}
	if soon := !r.asked.IsZero() && time.Since(r.asked) < fetchAgain; !soon {
		if err := r.fetch(ctx); err != nil && !fresh {
			return nil, err
		}
	} else if !fresh {
		return nil, fmt.Errorf("%w, and then: %w", errAsked, r.failed)
	}
	return r.set.lookup(ctx, kid)
}

// fetch replaces the set. Whoever goes away while it runs costs the others nothing: the next one asks again.
func (r *remote) fetch(ctx context.Context) error {
	before := r.asked
	r.asked = time.Now()
	set, err := r.get(ctx)
	if ctx.Err() != nil {
		r.asked = before
		return ctx.Err()
	}
	if r.failed = err; err == nil {
		r.set, r.fetched = set, r.asked
	}
	return err
}

func (r *remote) get(ctx context.Context) (keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s; it must answer 200 with the key set, and no redirect", r.url, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	return readKeySet(text)
}
