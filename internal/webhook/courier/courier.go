// Package courier brings signed batches to one address, and says what became of each. It is the HTTP of a webhook: it knows no events, tries nothing twice, goes where it was sent and nowhere else, and reads of an
// answer no more than it needs.
package courier

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"portcullis/internal/config"
)

// Config says where a courier goes.
type Config struct {
	URL string
	// Keys sign, all of them each time.
	Keys []config.SigningKey
	// Roots are whom the receiver's certificate must be of; nil for the system's.
	Roots *x509.CertPool
	// Timeout is how long an answer may take.
	Timeout time.Duration
}

// Courier goes to one address. Whoever is done with it calls Rest.
type Courier struct {
	url, host string
	keys      []config.SigningKey
	timeout   time.Duration
	client    *http.Client
}

// New returns a courier that has not gone anywhere.
func New(c Config) (*Courier, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, withoutURL(err)
	}
	return &Courier{c.URL, u.Host, c.Keys, c.Timeout, newClient(u.Scheme, c.Roots)}, nil
}

// With returns a courier that goes the same way by other means.
func (c *Courier) With(t http.RoundTripper) *Courier {
	other := *c
	other.client = &http.Client{Transport: t, CheckRedirect: stay}
	return &other
}

// Host is whom it goes to, for the log: the path and the query may be keys.
func (c *Courier) Host() string { return c.host }

// Rest closes connections that wait for the next batch.
func (c *Courier) Rest() { c.client.CloseIdleConnections() }

const (
	// maxHeaders and maxAnswer are how much of an answer is read: nobody looks at it, and a whole one lets the connection serve the next request.
	maxHeaders = 16 << 10
	maxAnswer  = 4 << 10
	// answerBy is how long the rest of an answer may take once its status is there.
	answerBy = 500 * time.Millisecond
	// idle is how long a connection waits for the next batch.
	idle = 30 * time.Second
)

// newClient returns a client of one hook's own. It follows no redirect: where events go is the operator's choice alone.
func newClient(scheme string, roots *x509.CertPool) *http.Client {
	return &http.Client{
		CheckRedirect: stay,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer(scheme).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			DisableCompression:     true, // a small answer must not become a large one
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        idle,
			MaxResponseHeaderBytes: maxHeaders,
		},
	}
}

// dialer reaches whatever https leads to: who is there has to show a certificate before anything is sent. Without one it reaches this machine alone, whatever a name stands for by
// the time that it is dialled: the configuration was checked by the name.
func dialer(scheme string) *net.Dialer {
	if scheme == "https" {
		return new(net.Dialer)
	}
	return &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil || !a.Addr().Unmap().IsLoopback() {
			return fmt.Errorf("%s is not this machine, and http goes nowhere else; write https", address)
		}
		return nil
	}}
}

// stay makes a redirect an answer like another.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// contentType is that of a batch (CloudEvents, JSON Event Format, section 4; HTTP binding, section 3.3).
const contentType = "application/cloudevents-batch+json; charset=utf-8"

// Bring posts a batch once, until ctx ends or the timeout is over. A batch that is brought again has the same id and body.
func (c *Courier) Bring(ctx context.Context, id string, body []byte) Answer {
	inner, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	a := c.exchange(inner, cancel, id, body)
	if a.Result != Taken && ctx.Err() != nil {
		a.Result = Cancelled
	}
	return a
}

func (c *Courier) exchange(ctx context.Context, cancel context.CancelFunc, id string, body []byte) Answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return Answer{Result: Unreachable, Detail: short(withoutURL(err).Error())}
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "portcullis")
	c.sign(r.Header, id, time.Now(), body)
	response, err := c.client.Do(r)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Answer{Result: TimedOut, Detail: "no answer in " + c.timeout.String()}
	case err != nil:
		return Answer{Result: Unreachable, Detail: short(withoutURL(err).Error())}
	}
	// Whatever the answer says is not looked at. It is read as far as a connection is worth, and not for as long as the receiver likes.
	defer time.AfterFunc(answerBy, cancel).Stop()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	_ = response.Body.Close()
	return answerOf(response)
}

// sign adds the headers by which a receiver knows that a batch is ours, new and whole (Standard Webhooks, "Signature scheme").
func (c *Courier) sign(header http.Header, id string, now time.Time, body []byte) {
	at := strconv.FormatInt(now.Unix(), 10)
	signatures := make([]string, len(c.keys))
	for i, key := range c.keys {
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(key.Sign([]byte(id), []byte("."), []byte(at), []byte("."), body))
	}
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", at)
	header.Set("Webhook-Signature", strings.Join(signatures, " "))
}

// withoutURL leaves out of err the URL, whose query is nobody's business.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// short leaves out what an error quotes, and cuts the rest: those are words of the receiver, and may be what it was sent.
func short(s string) string {
	s, _, _ = strings.Cut(s, `"`)
	return strings.TrimSpace(s[:min(len(s), 200)])
}
