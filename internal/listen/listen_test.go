package listen_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"portcullis/internal/listen"
	"portcullis/internal/listen/authority"
	"portcullis/internal/testnet"
)

// record is an observer that remembers.
type record struct {
	mu       sync.Mutex
	versions []uint16
	reasons  map[listen.Reason]int
	loaded   []time.Time
	failed   []error
}

func (r *record) Handshake(version uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.versions = append(r.versions, version)
}

func (r *record) HandshakeError(reason listen.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reasons == nil {
		r.reasons = make(map[listen.Reason]int)
	}
	r.reasons[reason]++
}

func (r *record) CertificateLoaded(notAfter time.Time) { r.loaded = append(r.loaded, notAfter) }
func (r *record) ReloadFailed(err error)               { r.failed = append(r.failed, err) }

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.New("test authority")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *authority.Authority, l authority.Leaf) *authority.Pair {
	t.Helper()
	p, err := a.Issue(l)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func server(name string) authority.Leaf {
	return authority.Leaf{Name: name, DNS: []string{"edge.test"}, Server: true}
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// edge is a listener's TLS with its files and what it told.
type edge struct {
	authority        *authority.Authority
	certificate, key string
	config           *tls.Config
	served           *listen.Certificate
	record           record
}

func newEdge(t *testing.T, change func(*listen.Options)) *edge {
	t.Helper()
	dir := t.TempDir()
	e := &edge{authority: newAuthority(t), certificate: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key")}
	e.put(t, issue(t, e.authority, server("first")))
	o := listen.Options{CertificateFile: e.certificate, KeyFile: e.key, Observer: &e.record, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	var err error
	if e.config, e.served, err = listen.TLSConfig(o); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *edge) put(t *testing.T, p *authority.Pair) {
	write(t, e.certificate, p.Certificate)
	write(t, e.key, p.Key)
}

func (e *edge) client() *tls.Config {
	return &tls.Config{RootCAs: e.authority.Pool(), ServerName: "edge.test"}
}

// shake makes one handshake and reads a byte behind it, which is where a TLS 1.3 client hears that its certificate was refused, and where it
// gets its session tickets.
func (e *edge) shake(client *tls.Config) (at tls.ConnectionState, clientErr, serverErr error) {
	near, far := testnet.Pipe(testnet.Buffer)
	return shake(tls.Client(near, client), tls.Server(far, e.config))
}

func shake(client, server *tls.Conn) (at tls.ConnectionState, clientErr, serverErr error) {
	var both sync.WaitGroup
	both.Go(func() {
		defer server.Close()
		if serverErr = server.Handshake(); serverErr == nil {
			at = server.ConnectionState()
			_, serverErr = server.Write([]byte("x"))
		}
	})
	if clientErr = client.Handshake(); clientErr == nil {
		_, clientErr = io.ReadFull(client, make([]byte, 1))
	}
	client.Close()
	both.Wait()
	return at, clientErr, serverErr
}

// serves returns the common name of the certificate that a new client sees.
func (e *edge) serves(t *testing.T) string {
	t.Helper()
	near, far := testnet.Pipe(testnet.Buffer)
	client := tls.Client(near, e.client())
	if _, clientErr, serverErr := shake(client, tls.Server(far, e.config)); clientErr != nil || serverErr != nil {
		t.Fatalf("handshake: %v, %v", clientErr, serverErr)
	}
	return client.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// plain is a handler that escapes nothing by itself.
type plain struct{ w io.Writer }

func (p plain) Handle(_ context.Context, r slog.Record) error {
	fmt.Fprint(p.w, r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprint(p.w, " ", a.Value); return true })
	fmt.Fprintln(p.w)
	return nil
}
func (plain) Enabled(context.Context, slog.Level) bool { return true }
func (p plain) WithAttrs([]slog.Attr) slog.Handler     { return p }
func (p plain) WithGroup(string) slog.Handler          { return p }
