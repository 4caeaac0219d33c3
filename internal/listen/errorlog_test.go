package listen_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/listen"
	"portcullis/internal/listen/authority"
	"portcullis/internal/testnet"
)

// Each failure is made to happen, so that a new text in crypto/tls does not go unnoticed.
func TestFailedHandshakesHaveReasons(t *testing.T) {
	hello := func(change func(*tls.Config)) func(net.Conn, *edge) {
		return func(c net.Conn, e *edge) {
			client := e.client()
			change(client)
			conn := tls.Client(c, client)
			if conn.Handshake() == nil {
				_, _ = conn.Read(make([]byte, 1))
			}
			conn.Close()
		}
	}
	bytesOf := func(text string) func(net.Conn, *edge) {
		return func(c net.Conn, _ *edge) {
			_, _ = io.WriteString(c, text)
			_, _ = io.Copy(io.Discard, c)
		}
	}
	tests := []struct {
		name   string
		tls12  bool
		client func(net.Conn, *edge)
		want   listen.Reason
	}{
		{"a port scan", false, func(c net.Conn, _ *edge) { c.Close() }, listen.ClientLeft},
		{"slowloris", false, bytesOf("\x16\x03\x01"), listen.Timeout},
		{"plain http", false, bytesOf("GET / HTTP/1.1\r\n\r\n"), listen.PlainHTTP},
		{"ssh", false, bytesOf("SSH-2.0-OpenSSH_9.2\r\n"), listen.NotTLS},
		{"sslv2", false, bytesOf("\x80\x2e\x01\x00\x02" + strings.Repeat("x", 60)), listen.NotTLS},
		{"tls 1.2", false, hello(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), listen.Version},
		{"no suite", true, hello(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}), listen.CipherSuite},
		{"no certificate", false, hello(func(*tls.Config) {}), listen.NoCertificate},
		{"a stolen certificate", false, hello(func(c *tls.Config) {
			a := newAuthority(t)
			stolen := issue(t, a, authority.Leaf{Client: true}).TLS
			stolen.PrivateKey = issue(t, a, authority.Leaf{Client: true}).TLS.PrivateKey
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stolen, nil }
		}), listen.BadCertificate},
		{"a certificate that is none", false, hello(func(c *tls.Config) {
			none := issue(t, newAuthority(t), authority.Leaf{Client: true}).TLS
			none.Certificate = [][]byte{[]byte("none")}
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &none, nil }
		}), listen.BadCertificate},
		{"a client that does not trust the gateway", false, hello(func(c *tls.Config) { c.RootCAs = newAuthority(t).Pool() }), listen.ClientAlert},
		{"nonsense in a record", false, bytesOf("\x16\x03\x01\x00\x04\x07\x00\x00\x00"), listen.OtherTLSProblems},
	}
	made := map[listen.Reason]bool{}
	for _, tt := range tests {
		made[tt.want] = true
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, func(o *listen.Options) {
					o.TLS12, o.ClientCertificates = tt.tls12, listen.RequireClientCertificates
				})
				listener := testnet.Listen()
				server := &http.Server{
					TLSConfig: e.config, ErrorLog: listen.ErrorLog(slog.New(slog.DiscardHandler), &e.record), ReadHeaderTimeout: 5 * time.Second,
				}
				go func() { _ = server.ServeTLS(listener, "", "") }()
				conn, err := listener.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				tt.client(conn, e)
				synctest.Wait()
				server.Close()
				conn.Close()
				if got := e.record.reasons; len(got) != 1 || got[tt.want] != 1 {
					t.Errorf("got %v, want one %s", got, tt.want)
				}
			})
		})
	}
	for _, r := range listen.Reasons() {
		if !made[r] {
			t.Errorf("no handshake here fails with %s", r)
		}
		delete(made, r)
	}
	if len(made) > 0 {
		t.Errorf("Reasons does not list %v", made)
	}
}

// Whoever closes a connection on purpose counts it: it is no failure of TLS.
func TestAConnectionThatTheGatewayClosesIsNoFailedHandshake(t *testing.T) {
	e := newEdge(t, nil)
	var lines bytes.Buffer
	ended := make(chan struct{})
	server := &http.Server{
		TLSConfig: e.config, ErrorLog: listen.ErrorLog(slog.New(slog.NewTextHandler(&lines, nil)), &e.record),
		ConnState: func(c net.Conn, s http.ConnState) {
			if s == http.StateNew {
				time.AfterFunc(10*time.Millisecond, func() { c.(*tls.Conn).NetConn().Close() })
			}
			if s == http.StateClosed {
				close(ended)
			}
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	defer server.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-ended
	if len(e.record.reasons) > 0 || lines.Len() > 0 {
		t.Errorf("got %v counted and %q logged, want nothing", e.record.reasons, lines.String())
	}
}

// 10,000 failed handshakes a second: all are counted, ten are logged, the next line tells how many were not. A panic is logged in spite of them.
func TestALogFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		var r record
		log := listen.ErrorLog(slog.New(slog.NewJSONHandler(&lines, nil)), &r)
		for range 10_000 {
			log.Printf("http: TLS handshake error from 192.0.2.1:4711: EOF")
		}
		if got := strings.Count(lines.String(), "\n"); got != 10 {
			t.Errorf("got %d lines, want 10", got)
		}
		if got := r.reasons[listen.ClientLeft]; got != 10_000 {
			t.Errorf("got %d counted, want 10000", got)
		}
		log.Printf("http: panic serving 192.0.2.1:4711: boom\n\ngoroutine 1 [running]:\nmain.main()")
		if !strings.Contains(lines.String(), "boom") {
			t.Error("the panic was not logged")
		}
		time.Sleep(time.Second)
		lines.Reset()
		log.Printf("http: TLS handshake error from [2001:db8::1]:4711: EOF")
		var line struct {
			Source, Reason string
			Suppressed     int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Suppressed != 9_990 || line.Source != "[2001:db8::1]:4711" || line.Reason != "client_left" {
			t.Errorf("got %+v, %v; want 9990 suppressed, from [2001:db8::1]:4711", line, err)
		}
	})
}

// Whatever a stranger sends, one error is one line of printable ASCII.
func TestLogInjection(t *testing.T) {
	for _, attack := range []string{"\n{\"event\":\"authn_login_success\"}", "\r\n\x1b[2J", "\u202e", "\xff\xfe", strings.Repeat("\n", 100_000)} {
		var lines bytes.Buffer
		log := listen.ErrorLog(slog.New(plain{&lines}), new(record))
		log.Printf("http: TLS handshake error from 192.0.2.1:1: tls: %s", attack)
		log.Printf("http: panic serving 192.0.2.1:1: %s", attack)
		for _, c := range lines.Bytes() {
			if c != '\n' && (c < ' ' || c > '~') {
				t.Errorf("%.20q: byte %#x reached the log", attack, c)
			}
		}
		if got := strings.Count(lines.String(), "\n"); got != 2 || lines.Len() > 20<<10 {
			t.Errorf("%.20q: got %d lines of %d bytes, want 2 of at most 20 KiB", attack, got, lines.Len())
		}
	}
}

// What a library says of a peer's words is a line of the log's own form, without those words, and there are few of them a second.
func TestALibraryQuotesAPeer(t *testing.T) {
	var lines bytes.Buffer
	library := log.New(listen.LibraryLog(slog.New(slog.NewJSONHandler(&lines, nil))), "", 0)
	for range 1000 {
		library.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", `a password, and "more"`, nil)
	}
	library.Print("a line\nand \x1b[2J another\u009b")
	all := strings.Split(strings.TrimSuffix(lines.String(), "\n"), "\n")
	if len(all) > 20 || strings.Contains(lines.String(), "password") || !strings.Contains(all[0], `"text":"Unsolicited response received on idle HTTP channel starting with ","cut":true,"suppressed":0`) {
		t.Errorf("got %d lines, the first one %s", len(all), all[0])
	}
}
