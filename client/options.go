package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	defaultPath       = "/v1/ws"
	defaultMaxMessage = 2 << 20
	tlsHandshakeBy    = 10 * time.Second
)

// Options say where to connect, and as whom.
type Options struct {
	// URL is the gateway's address: wss://host, or ws://host for one on this machine. Where it has no path it means /v1/ws.
	URL string

	// Token returns the token to show. Dial calls it once, so that it can return one that is fresh. It is nil where the certificate in TLS
	// says who the client is.
	Token func(ctx context.Context) (string, error)

	// TLS holds the roots to trust and the client's certificate. nil means the system's roots, and no certificate. It is for wss:// alone.
	TLS *tls.Config

	// Header is sent with the handshake too: an Origin, a trace. It has no say in credentials and subprotocols.
	Header http.Header

	// DialContext makes the connection below TLS, through a tunnel or to a Unix socket. nil means TCP.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	// MaxMessage is the largest message, in bytes, that the client takes from the gateway; a larger one ends the connection. 0 means 2 MiB.
	MaxMessage int64

	// InsecurePlaintext lets a token go over ws:// to another machine, where everybody on the way can read and use it.
	InsecurePlaintext bool
}

// address reads the URL and holds it against what the other options ask.
func (o *Options) address() (*url.URL, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("read the URL: %w; it must be wss://host, or ws://host for a gateway on this machine", withoutURL(err))
	}
	// What is shown of it has no user and no query: errors get into logs.
	shown := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "":
		return nil, fmt.Errorf("URL %q must be wss://host, or ws://host for a gateway on this machine", shown)
	case u.User != nil:
		return nil, fmt.Errorf("URL %q has a user in it: use Token", shown)
	case u.Scheme == "ws" && o.TLS != nil:
		return nil, fmt.Errorf("URL %q is plaintext and Options has a TLS configuration: use wss://, or leave TLS nil", shown)
	case u.Scheme == "ws" && o.Token != nil && !o.InsecurePlaintext && !loopback(u.Hostname()):
		return nil, fmt.Errorf("URL %q would carry the token in plaintext to another machine: use wss://; a program may set InsecurePlaintext", shown)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = defaultPath
	}
	return u, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

func (o *Options) checkHeader() error {
	for name := range o.Header {
		if name = http.CanonicalHeaderKey(name); name == "Authorization" || strings.HasPrefix(name, "Sec-Websocket-") {
			return fmt.Errorf("header %s is not for Options.Header: the client sets it itself, and a token comes from Token", name)
		}
	}
	return nil
}

// header is what goes with the handshake, the token among it.
func (o *Options) header(ctx context.Context) (http.Header, error) {
	if err := o.checkHeader(); err != nil {
		return nil, err
	}
	h := o.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	if o.Token == nil {
		return h, nil
	}
	token, err := o.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("get a token: %w", err)
	}
	if token == "" {
		return nil, errors.New("get a token: Token returned an empty one")
	}
	h.Set("Authorization", "Bearer "+token)
	return h, nil
}

// httpClient serves one handshake. It follows no redirect, which could carry the token to somebody else.
func (o *Options) httpClient(w *way) *http.Client {
	return &http.Client{
		Transport: untorn{&http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         w.dial,
			TLSClientConfig:     o.TLS.Clone(),
			TLSHandshakeTimeout: tlsHandshakeBy,
			DisableKeepAlives:   true, // a refusal leaves no connection behind
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// withoutURL takes the URL out of an error: its query is nobody's business.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
