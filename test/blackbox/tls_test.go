package blackbox_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// upTo returns the TLS of a client that has nothing newer than most.
func upTo(most uint16) *tls.Config {
	security := trust()
	security.MinVersion, security.MaxVersion = tls.VersionTLS10, most
	return security
}

// fails wants a TLS handshake to fail, and to be counted and logged with this reason.
func (g *gateway) fails(t *testing.T, reason string, security *tls.Config) {
	t.Helper()
	before := g.metric(t, "portcullis_tls_handshake_errors_total", "reason", reason)
	if l, err := g.open(security); err == nil {
		l.Close()
		t.Errorf("TLS was agreed on, want it to fail for %s", reason)
	}
	g.until(t, before+1, "portcullis_tls_handshake_errors_total", "reason", reason)
	g.logged(t, entry{"msg": "tls handshake failed", "reason": reason})
}

func TestTLSThatIsTooOld(t *testing.T) {
	g := secure(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10} {
		t.Run(tls.VersionName(version), func(t *testing.T) { g.fails(t, "version", upTo(version)) })
	}
	before := g.metric(t, "portcullis_tls_handshakes_total", "version", "1.3")
	c := g.dial(t, acme.token("ana"))
	if got := c.Conn.(*tls.Conn).ConnectionState().Version; got != tls.VersionTLS13 {
		t.Errorf("got %s, want TLS 1.3", tls.VersionName(got))
	}
	if got := g.metric(t, "portcullis_tls_handshakes_total", "version", "1.3") - before; got != 1 {
		t.Errorf("%v handshakes were counted, want 1", got)
	}
}

func TestTLS12WhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true, secure: `min_version: "1.2"`})
	g.logged(t, entry{"event": "config.warning", "level": "WARN", "path": "listen.tls.min_version"})
	c := g.dialOver(t, upTo(tls.VersionTLS12), acme.token("ana"))
	c.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":%q}`, secret("Hello, Secure World!"))
	if got := g.metric(t, "portcullis_tls_handshakes_total", "version", "1.2"); got != 1 {
		t.Errorf("%v handshakes of 1.2 were counted, want 1", got)
	}
	g.fails(t, "version", upTo(tls.VersionTLS11))
	weak := upTo(tls.VersionTLS12)
	weak.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	g.fails(t, "cipher_suite", weak)
}

// A client that wants HTTP/2 alone finds nobody: its floods have no way in.
func TestHTTP2(t *testing.T) {
	g := secure(t)
	security := trust()
	security.NextProtos = []string{"h2"}
	if l, err := g.open(security); err == nil {
		l.Close()
		t.Error("h2 was agreed on")
	}
	security.NextProtos = []string{"h2", "http/1.1"}
	l := g.connect(t, security)
	if got := l.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("got %q, want http/1.1", got)
	}
	for name, raw := range map[string]string{
		"prior knowledge": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"an upgrade":      g.get("/healthz", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
	} {
		a, err := g.connect(t).request(raw)
		if err == nil && (a.status == http.StatusSwitchingProtocols || a.header.Get("Upgrade") != "") {
			t.Errorf("%s: got %d %v, want HTTP/1.1 or an end", name, a.status, a.header)
		}
	}
}

func TestPlaintextToTheTLSPort(t *testing.T) {
	g := secure(t)
	before := g.metric(t, "portcullis_tls_handshake_errors_total", "reason", "plain_http")
	g.uncounted(t, func() {
		conn, err := net.Dial("tcp", g.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, g.upgrade(bearer(acme.token("ana")))); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); !strings.HasPrefix(string(got), "HTTP/1.0 400 ") {
			t.Errorf("got %q, %v, want 400", got, err)
		}
	})
	g.until(t, before+1, "portcullis_tls_handshake_errors_total", "reason", "plain_http")
	g.logged(t, entry{"msg": "tls handshake failed", "reason": "plain_http"})
}

// A certificate that is renewed on the disk is served within two seconds, and nobody who is in is disturbed.
func TestTheCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true})
	put := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(g.folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serial := func() string {
		l, err := g.open()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	served := func(want string) {
		t.Helper()
		for end := time.Now().Add(2500 * time.Millisecond); serial() != want; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the new certificate is not served")
			}
		}
	}
	c := g.dial(t, acme.token("ana"))
	next := serverPair(t)
	put("tls.crt", next.Certificate)
	put("tls.key", next.Key)
	served(leafOf(t, next.TLS).SerialNumber.String())
	g.until(t, 1, "portcullis_tls_reloads_total", "result", "ok")

	// Half of a pair changes nothing: the last good one is served further, and that is told once.
	other := serverPair(t)
	put("tls.crt", other.Certificate[:len(other.Certificate)/2])
	for end := time.Now().Add(patience); g.metric(t, "portcullis_tls_reloads_total", "result", "failed") == 0; time.Sleep(50 * time.Millisecond) {
		if got := serial(); got != leafOf(t, next.TLS).SerialNumber.String() {
			t.Fatalf("got the certificate %s, want the last good one", got)
		}
		if time.Now().After(end) {
			t.Fatal("the failure is not told")
		}
	}
	put("tls.crt", other.Certificate)
	put("tls.key", other.Key)
	served(leafOf(t, other.TLS).SerialNumber.String())
	c.does(`{"type":"ping","id":1}`)
	if found := linesWith(g.text(), "PRIVATE KEY"); found != "" {
		t.Errorf("the log has a key: %s", found)
	}
}
