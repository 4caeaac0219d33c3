package blackbox_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/listen/authority"
)

// The balancers are Debian's, with the configurations that this project ships; a test changes nothing in them but addresses, paths and, where it must wait for one, a timeout.
var (
	balancers   = must(authority.New("balancers"))
	impostors   = must(authority.New("impostors")) // of balancers that nobody trusts
	balancerKey = authority.Leaf{Name: "a balancer", Client: true}
)

// balancer is a proxy in front of a gateway.
type balancer struct {
	t       *testing.T
	address string
	tls     bool
	cmd     *exec.Cmd
	said    *bytes.Buffer
	folder  string
	args    []string
}

// edgePair is the certificate that clients of a balancer see.
func edgePair(t *testing.T) *authority.Pair { return serverPair(t) }

// front starts a balancer with a shipped configuration in front of g, as a certificate of of has it.
func front(t *testing.T, g *gateway, file string, of *authority.Authority, change ...string) *balancer {
	t.Helper()
	program := strings.Split(file, "/")[0]
	if _, err := exec.LookPath(program); err != nil {
		missing(t, program+" is not installed: apt-get install "+program)
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{t: t, address: free(t), folder: t.TempDir(), tls: true}
	_, port, _ := net.SplitHostPort(b.address)
	b.write(of)
	edits := append([]string{
		"/etc/portcullis/", b.folder + "/", "/run/nginx-portcullis.pid", b.folder + "/nginx.pid",
		"127.0.0.1:8080", g.address, "127.0.0.1:8443", g.address, "listen 443", "listen " + b.address, "bind :443", "bind :" + port, "maxconn 20000", "maxconn 500",
	}, change...)
	config := strings.NewReplacer(edits...).Replace(string(text))
	for i := 0; i < len(change); i += 2 {
		if !strings.Contains(string(text), change[i]) {
			t.Fatalf("%s has no %q", file, change[i])
		}
	}
	path := filepath.Join(b.folder, filepath.Base(file))
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	b.args = []string{"haproxy", "-W", "-db", "-f", path}
	if program == "nginx" {
		b.args = []string{"nginx", "-p", b.folder, "-c", path, "-g", "daemon off;"}
	}
	b.start()
	return b
}

// write writes what the configurations name: the balancer's certificate for clients, its own for the gateway, and whom it believes.
func (b *balancer) write(of *authority.Authority) {
	b.t.Helper()
	edge := edgePair(b.t)
	own := must(of.Issue(balancerKey))
	for name, text := range map[string][]byte{
		"edge.crt": edge.Certificate, "edge.key": edge.Key, "edge.pem": append(append([]byte{}, edge.Certificate...), edge.Key...),
		"proxy.crt": own.Certificate, "proxy.key": own.Key, "proxy.pem": append(append([]byte{}, own.Certificate...), own.Key...),
		"gateway-ca.crt": house.PEM(), "clients-ca.crt": acme.authority.PEM(),
	} {
		if err := os.WriteFile(filepath.Join(b.folder, name), text, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// start runs the balancer until the test ends, and returns when it takes connections.
func (b *balancer) start() {
	b.t.Helper()
	b.said = new(bytes.Buffer)
	b.cmd = exec.Command(b.args[0], b.args[1:]...)
	var mu sync.Mutex
	w := lockedWriter{&mu, b.said}
	b.cmd.Stdout, b.cmd.Stderr = w, w
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { b.cmd.Wait(); close(done) }()
	b.t.Cleanup(func() {
		b.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
			<-done
		}
	})
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", b.address); err == nil {
			c.Close()
			return
		}
		select {
		case <-done:
			b.t.Fatalf("%s ended:\n%s", b.args[0], b.said)
		default:
		}
		if time.Now().After(end) {
			b.t.Fatalf("%s takes no connection:\n%s", b.args[0], b.said)
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// free returns an address that nobody listens on, below the ports that the kernel gives to clients: one of those could be taken a moment later.
func free(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := 20_000 + rand.IntN(10_000)
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			l.Close()
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// ask sends a handshake through the balancer, from an address of this machine. It asks again while the balancer has not found the gateway.
func (b *balancer) ask(from string, security *tls.Config, headers ...string) *answer {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
		conn, err := tls.DialWithDialer(d, "tcp", b.address, security)
		if err != nil && time.Now().After(end) {
			b.t.Fatalf("%v; the balancer says:\n%s", err, b.said)
		}
		if err != nil {
			continue
		}
		b.t.Cleanup(func() { conn.Close() })
		l := &line{Conn: conn, r: bufio.NewReader(conn)}
		a, err := l.request("GET /v1/ws HTTP/1.1\r\n" + head(append(append([]string{"Host: " + b.address}, upgradeHeaders()...), headers...)...))
		if err != nil {
			b.t.Fatal(err)
		}
		if a.status != http.StatusServiceUnavailable && a.status != http.StatusBadGateway || time.Now().After(end) {
			return a
		}
	}
}

// proxied are the options of a gateway behind a balancer.
func proxied(header string) options {
	o := options{proxy: "trusted: [127.0.0.1]"}
	if header != "" {
		o.tls, o.listen = true, "client_certificates: request"
		o.proxy += "\nclient_certificate_header: " + header + "\nauthorities_file: tenants/balancers.pem"
		o.files = map[string][]byte{"balancers.pem": balancers.PEM()}
	}
	return o
}

func TestBehindABalancer(t *testing.T) {
	for file, reload := range map[string]func(*balancer){
		"nginx/plain.conf":  func(b *balancer) { b.cmd.Process.Signal(syscall.SIGHUP) },
		"haproxy/plain.cfg": func(b *balancer) { b.cmd.Process.Signal(syscall.SIGUSR2) },
	} {
		t.Run(strings.Split(file, "/")[0], func(t *testing.T) {
			t.Parallel()
			g := start(t, proxied(""))
			b := front(t, g, file, balancers)
			c := accepted(t, b.ask("127.0.0.7", trust(), bearer(acme.token("ana")), "X-Forwarded-For: 198.51.100.1"))
			c.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":"through"}`)
			reload(b)
			again := accepted(t, b.ask("127.0.0.8", trust(), bearer(acme.token("bob"))))
			again.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":"after the reload"}`)
			c.does(`{"type":"echo","id":2,"channel":"lab:rtt","data":"still there"}`)
			if a := b.ask("127.0.0.9", trust()); a.status != http.StatusUnauthorized {
				t.Errorf("without a token: got %d %s, want 401", a.status, a.body)
			}
			for user, from := range map[*conn][2]string{c: {"ana", "127.0.0.7"}, again: {"bob", "127.0.0.8"}} {
				user.Close()
				got := g.logged(t, entry{"event": "connection.closed", "user": from[0]})
				if got["remote"] != from[1] {
					t.Errorf("%s came from %v, want %s and neither the balancer's address nor what the client wrote", from[0], got["remote"], from[1])
				}
			}
			g.logged(t, entry{"event": "handshake.refused", "reason": "missing_credentials", "address": "127.0.0.9"})
		})
	}
}

// A balancer's timeout that is longer than the gateway's ping cuts nobody who is quiet.
func TestAQuietConnectionBehindABalancer(t *testing.T) {
	onlyLong(t)
	for file, change := range map[string][]string{
		"nginx/plain.conf":  {"proxy_read_timeout 60s", "proxy_read_timeout 32s", "proxy_send_timeout 60s", "proxy_send_timeout 32s"},
		"haproxy/plain.cfg": {"timeout tunnel 60s", "timeout tunnel 32s"},
	} {
		t.Run(strings.Split(file, "/")[0], func(t *testing.T) {
			t.Parallel()
			g := start(t, proxied(""))
			b := front(t, g, file, balancers, change...)
			c := accepted(t, b.ask("127.0.0.7", trust(), bearer(acme.token("ana"))))
			end := time.Now().Add(75 * time.Second)
			for time.Now().Before(end) {
				f, err := c.take(40 * time.Second)
				if err != nil {
					t.Fatalf("it was cut while it was quiet: %v", err)
				}
				if f.opcode == opPing {
					c.put(frame{fin: true, opcode: opPong, payload: f.payload})
				}
			}
			c.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":"still there"}`)
		})
	}
}

func TestCertificatesForwardedByABalancer(t *testing.T) {
	for file, header := range map[string]string{"nginx/mtls.conf": "xfcc", "haproxy/mtls.cfg": "rfc9440"} {
		t.Run(strings.Split(file, "/")[0], func(t *testing.T) {
			t.Parallel()
			g := start(t, proxied(header))
			b := front(t, g, file, balancers)
			mine := acme.certificate(t, "door")
			lie := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mine.Certificate[0]})
			c := accepted(t, b.ask("127.0.0.7", trust(mine)))
			if got, want := c.welcome["user"], "cert|spiffe://acme.example/door"; got != want {
				t.Errorf("got user %v, want %v", got, want)
			}
			c.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":"a device"}`)
			over := accepted(t, b.ask("127.0.0.7", trust(mine), bearer(acme.token("ana", boundTo(mine)))))
			if over.welcome["user"] != "ana" {
				t.Errorf("a token that is bound to the forwarded certificate: got %v", over.welcome)
			}
			other := acme.certificate(t, "other")
			for name, ask := range map[string]func() *answer{
				"without a certificate":                   func() *answer { return b.ask("127.0.0.7", trust()) },
				"with a certificate of another authority": func() *answer { return b.ask("127.0.0.7", trust(issue(t, strangers, "spiffe://acme.example/door"))) },
				"who writes Client-Cert":                  func() *answer { return b.ask("127.0.0.7", trust(), "Client-Cert: "+byteSequence(mine)) },
				"who writes X-Forwarded-Client-Cert":      func() *answer { return b.ask("127.0.0.7", trust(), `X-Forwarded-Client-Cert: Cert="`+escaped(lie)+`"`) },
				"who asks for the header to be stripped":  func() *answer { return b.ask("127.0.0.7", trust(), "Connection: Client-Cert, X-Forwarded-Client-Cert") },
				"with a token bound to somebody's certificate": func() *answer {
					return b.ask("127.0.0.7", trust(other), bearer(acme.token("ana", boundTo(mine))))
				},
			} {
				if a := ask(); a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest {
					t.Errorf("a client %s: got %d %s, want it refused", name, a.status, a.body)
				}
			}
			c.Close()
			if got := g.logged(t, entry{"event": "connection.closed", "user": "cert|spiffe://acme.example/door"}); got["remote"] != "127.0.0.7" {
				t.Errorf("it came from %v, want 127.0.0.7", got["remote"])
			}
		})
	}
}

// A balancer without a certificate of the proxies' authorities is a client like any other: what it forwards is an attempt to be somebody.
func TestABalancerThatNobodyTrusts(t *testing.T) {
	for file, header := range map[string]string{"nginx/mtls.conf": "xfcc", "haproxy/mtls.cfg": "rfc9440"} {
		t.Run(strings.Split(file, "/")[0], func(t *testing.T) {
			t.Parallel()
			g := start(t, proxied(header))
			b := front(t, g, file, impostors)
			if a := b.ask("127.0.0.7", trust(acme.certificate(t, "door"))); a.status != http.StatusBadRequest {
				t.Errorf("got %d %s, want 400", a.status, a.body)
			}
			g.logged(t, entry{"event": "handshake.refused", "reason": "forwarded_identity"})
			g.logged(t, entry{"event": "malicious_extraneous", "severity": "CRITICAL"})
		})
	}
}

func TestTheProxyProtocolOfABalancer(t *testing.T) {
	t.Parallel()
	g := start(t, options{tls: true, listen: "client_certificates: request", proxy: "trusted: [127.0.0.1]\nprotocol: v2"})
	b := front(t, g, "haproxy/proxy-v2.cfg", balancers)
	c := accepted(t, b.ask("127.0.0.7", trust(acme.certificate(t, "door"))))
	c.does(`{"type":"echo","id":1,"channel":"lab:rtt","data":"TLS passes through"}`)
	c.Close()
	got := g.logged(t, entry{"event": "connection.closed", "user": "cert|spiffe://acme.example/door"})
	if host, _, _ := net.SplitHostPort(fmt.Sprint(got["remote"])); host != "127.0.0.7" {
		t.Errorf("it came from %v, want 127.0.0.7", got["remote"])
	}
	if l, err := g.open(); err == nil { // past the balancer, without a header
		l.Close()
		t.Error("a connection without a header was served")
	}
	g.until(t, 1, "portcullis_proxy_headers_total", "result", "malformed")
	if n := g.metric(t, "portcullis_proxy_headers_total", "result", "ok"); n < 1 {
		t.Errorf("%v headers were read, want at least one", n)
	}
}

// byteSequence is a certificate as RFC 9440 forwards it; escaped is PEM as Envoy does.
func byteSequence(c tls.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + ":"
}

func escaped(pem []byte) string { return strings.ReplaceAll(url.QueryEscape(string(pem)), "+", "%20") }
