package jwks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	urlRefresh = 5 * time.Minute
	urlTimeout = 5 * time.Second
	maxHeaders = 64 << 10
)

// remote is a document behind a URL.
type remote struct {
	uri    string
	name   string // the URL without its query, which may hold a key of the operator's
	client *http.Client
}

// URL returns the keys at uri, which must be https, or http on a loopback address. It fetches nothing: [Source.Fetch] and
// [Source.Run] do. transport is how requests are made; nil verifies the server against the system's authorities.
func URL(uri string, transport http.RoundTripper, options Options) (*Source, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("the keys' URL is malformed: %w", withoutURL(err))
	}
	if err := usable(u); err != nil {
		return nil, err
	}
	r, err := newRemote(uri, transport)
	if err != nil {
		return nil, err
	}
	return newSource(uri, r.name, urlRefresh, options, r.load), nil
}

func newRemote(uri string, transport http.RoundTripper) (*remote, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, withoutURL(err)
	}
	if transport == nil {
		transport = newTransport(u.Scheme)
	}
	return &remote{uri, u.Scheme + "://" + u.Host + u.EscapedPath(), &http.Client{Transport: transport, CheckRedirect: stay}}, nil
}

func usable(u *url.URL) error {
	switch {
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("the keys' URL has scheme %q and host %q; it must be https://host/path", u.Scheme, u.Host)
	case u.User != nil:
		return fmt.Errorf("the keys' URL on host %q holds a user name; keys are public, take it out", u.Host)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("the keys' URL on host %q is http: whoever sits between could replace the keys; use https, or a loopback address", u.Host)
	}
	return nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// newTransport makes a connection for each request: the next one is five minutes away. Without a certificate it reaches this machine alone, whatever a name stands for by the time that it
// is dialled: somebody else's keys would let anybody in.
func newTransport(scheme string) http.RoundTripper {
	d := new(net.Dialer)
	if scheme != "https" {
		d.Control = here
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            d.DialContext,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeaders,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

// here refuses an address that is not this machine's.
func here(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s is not this machine, and http goes nowhere else; use https", address)
	}
	return nil
}

// stay makes a redirect an answer like another, and no 200: where keys come from is the operator's choice alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (r *remote) load(ctx context.Context) (*Set, error) {
	ctx, cancel := context.WithTimeout(ctx, urlTimeout)
	defer cancel()
	document, err := r.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch keys from %s: %w", r.name, withoutURL(err))
	}
	set, err := Parse(document)
	if err != nil {
		return nil, fmt.Errorf("fetch keys from %s: %w", r.name, err)
	}
	return set, nil
}

func (r *remote) get(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.uri, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", "portcullis")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d, not 200; redirects are not followed", response.StatusCode)
	}
	return io.ReadAll(io.LimitReader(response.Body, MaxSize+1))
}

// withoutURL leaves out of err the URL, whose query is nobody's business.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
