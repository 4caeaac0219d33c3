package blackbox_test

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"portcullis/internal/contract"
)

func now() int64 { return time.Now().Unix() }

// line is a connection to the clients' listener. What is said on it are the test's own bytes.
type line struct {
	net.Conn
	r        *bufio.Reader
	dialogue *dialogue // from a 101 on
}

// open connects, over TLS where the gateway speaks it. Without a configuration the client has no certificate. It may be used outside a test's goroutine.
func (g *gateway) open(security ...*tls.Config) (*line, error) {
	conn, err := net.DialTimeout("tcp", g.address, patience)
	if err != nil {
		return nil, err
	}
	if g.options.tls {
		if len(security) == 0 {
			security = []*tls.Config{trust()}
		}
		secured := tls.Client(conn, security[0])
		secured.SetDeadline(time.Now().Add(patience))
		if err := secured.Handshake(); err != nil {
			conn.Close()
			return nil, err
		}
		conn = secured
	}
	conn.SetDeadline(time.Time{})
	return &line{Conn: conn, r: bufio.NewReader(conn)}, nil
}

// connect is open for a test, which closes the connection at its end.
func (g *gateway) connect(t *testing.T, security ...*tls.Config) *line {
	t.Helper()
	l, err := g.open(security...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// resumed reports whether the TLS session continues an earlier one.
func (l *line) resumed() bool { return l.Conn.(*tls.Conn).ConnectionState().DidResume }

// answer is an answer to a request. After a 101 the line is the client's.
type answer struct {
	status int
	header http.Header
	body   string
	line   *line
}

// problem is the body of an error (RFC 9457).
type problem struct {
	Type, Title, Detail, Instance, Code string
	Status                              int
}

func (a *answer) problem() (p problem, err error) {
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		return p, fmt.Errorf("got Content-Type %q with %d %q, want a problem", got, a.status, a.body)
	}
	return p, json.Unmarshal([]byte(a.body), &p)
}

// request writes bytes as they are and reads the answer.
func (l *line) request(raw string) (*answer, error) {
	l.SetDeadline(time.Now().Add(patience))
	defer l.SetDeadline(time.Time{})
	// A server that refuses early may close before it has read everything: its answer counts, not the failed write.
	_, writing := io.WriteString(l, raw)
	method := http.MethodGet
	if strings.HasPrefix(raw, "HEAD ") { // whose answers have no body
		method = http.MethodHead
	}
	got, err := http.ReadResponse(l.r, &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w (writing the request: %v)", err, writing)
	}
	a := &answer{status: got.StatusCode, header: got.Header, line: l}
	if a.status == http.StatusSwitchingProtocols {
		if a.header.Get("Sec-WebSocket-Protocol") != "portcullis.echo.v1" {
			l.dialogue = &dialogue{waiting: make(map[int64][]contract.Sent)}
		}
		return a, a.asContracted(raw)
	}
	defer got.Body.Close()
	if got.Close { // ReadResponse takes it out
		a.header.Set("Connection", "close")
	}
	body, err := io.ReadAll(got.Body)
	a.body = string(body)
	if err == nil {
		err = a.asContracted(raw)
	}
	return a, err
}

// upgrade is a good handshake, with these header lines more.
func (g *gateway) upgrade(headers ...string) string {
	return g.get("/v1/ws", append(upgradeHeaders(), headers...)...)
}

func upgradeHeaders() []string {
	key := make([]byte, 16)
	rand.Read(key)
	return []string{
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(key),
	}
}

// get is a GET of a path with these header lines.
func (g *gateway) get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\n" + head(append([]string{"Host: " + g.address}, headers...)...)
}

// head is a request's header lines, and the empty line behind them.
func head(headers ...string) string { return strings.Join(append(headers, "", ""), "\r\n") }

// bearer is the header line of a token; beside is it as a subprotocol entry, before others.
func bearer(token string) string { return "Authorization: Bearer " + token }

func inProtocol(token string, others ...string) string {
	return "Sec-WebSocket-Protocol: " + strings.Join(append(others, "bearer."+token), ", ")
}

// handshake asks for an upgrade with these header lines on a line of its own.
func (g *gateway) handshake(t *testing.T, headers ...string) *answer {
	t.Helper()
	return g.tell(t, g.connect(t), g.upgrade(headers...))
}

// handshakeOver is handshake with a TLS configuration of the client.
func (g *gateway) handshakeOver(t *testing.T, security *tls.Config, headers ...string) *answer {
	t.Helper()
	return g.tell(t, g.connect(t, security), g.upgrade(headers...))
}

// tell writes bytes as they are on a line, and reads the answer.
func (g *gateway) tell(t *testing.T, l *line, raw string) *answer {
	t.Helper()
	a, err := l.request(raw)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
