package listen

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// ProxyResult is what became of a connection that must begin with a PROXY header. The set is closed: it is a metric label.
type ProxyResult string

// The results.
const (
	ProxyOK        ProxyResult = "ok"
	ProxyLocal     ProxyResult = "local" // the proxy speaks for itself, as health checks do
	ProxyUntrusted ProxyResult = "untrusted"
	ProxyMalformed ProxyResult = "malformed" // no header of version 2, or one that cannot be read
	ProxyTimeout   ProxyResult = "timeout"
	ProxyClosed    ProxyResult = "closed" // the peer left before its header was whole
)

// ProxyResults lists every result, for label sets that are created at zero.
var ProxyResults = []ProxyResult{ProxyOK, ProxyLocal, ProxyUntrusted, ProxyMalformed, ProxyTimeout, ProxyClosed}

const (
	// headerBy is how long a proxy has to send its header, which it sends first.
	headerBy = 5 * time.Second
	// A header has 16 bytes and as many as they say, which is up to 64 KiB of extensions; nobody sends so many.
	fixedHeader = 16
	maxHeader   = 4 << 10
)

var signature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// Proxied returns a listener whose connections begin with a header of the PROXY protocol, version 2, that says where they really come from. It is taken from the addresses that trusted
// reports, and must be there; connections from anywhere else are closed. A header is never guessed: whether there is one is the operator's to say (HAProxy's proxy-protocol.txt, section 2).
//
// The header is read on the goroutine that serves the connection, never on the one that accepts.
func Proxied(l net.Listener, trusted func(netip.Addr) bool, observe func(ProxyResult)) net.Listener {
	return &proxied{l, trusted, observe}
}

type proxied struct {
	net.Listener
	trusted func(netip.Addr) bool
	observe func(ProxyResult)
}

// Accept implements [net.Listener].
func (l *proxied) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		peer, isTCP := c.RemoteAddr().(*net.TCPAddr)
		if !ok || !isTCP {
			c.Close()
			return nil, fmt.Errorf("a connection of type %T has no address that could be a proxy's", c)
		}
		if !l.trusted(peer.AddrPort().Addr().Unmap()) {
			l.observe(ProxyUntrusted)
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
			continue
		}
		return &proxyConn{TCPConn: tcp, observe: l.observe}, nil
	}
}

// proxyConn is a connection behind a proxy. It is the kernel's own in all but its beginning and its remote address, so that whoever writes to it past the runtime still can.
type proxyConn struct {
	*net.TCPConn
	observe func(ProxyResult)

	once   sync.Once
	remote net.Addr
	err    error
}

// NetConn returns the connection to the proxy.
func (c *proxyConn) NetConn() net.Conn { return c.TCPConn }

// Read implements [net.Conn]. It fails for ever when the header was none.
func (c *proxyConn) Read(p []byte) (int, error) {
	if c.once.Do(c.open); c.err != nil {
		return 0, c.err
	}
	return c.TCPConn.Read(p)
}

// WriteTo would pass the header by.
func (c *proxyConn) WriteTo(w io.Writer) (int64, error) {
	if c.once.Do(c.open); c.err != nil {
		return 0, c.err
	}
	return c.TCPConn.WriteTo(w)
}

// RemoteAddr returns where the proxy says that the connection comes from. It waits for the header.
func (c *proxyConn) RemoteAddr() net.Addr {
	c.once.Do(c.open)
	return c.remote
}

// open reads the header, and not a byte more. net/http asks for the remote address before it sets a deadline.
func (c *proxyConn) open() {
	c.remote = c.TCPConn.RemoteAddr()
	_ = c.SetReadDeadline(time.Now().Add(headerBy))
	header, err := readHeader(c.TCPConn)
	_ = c.SetReadDeadline(time.Time{})
	if err != nil {
		c.err = fmt.Errorf("the PROXY header: %w", err)
		c.observe(whyNot(err))
		_ = c.Close()
		return
	}
	source, ok := header.SourceAddr.(*net.TCPAddr)
	if !ok || header.Command.IsLocal() {
		c.observe(ProxyLocal)
		return
	}
	c.remote = source
	c.observe(ProxyOK)
}

func whyNot(err error) ProxyResult {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ProxyTimeout
	case errors.Is(err, errHeader):
		return ProxyMalformed
	}
	return ProxyClosed
}

var errHeader = errors.New("it is none of version 2, or cannot be read")

// readHeader reads one header of version 2.
func readHeader(r io.Reader) (*proxyproto.Header, error) {
	text := make([]byte, fixedHeader, fixedHeader+64)
	if _, err := io.ReadFull(r, text[:len(signature)]); err != nil {
		return nil, err
	}
	if !bytes.Equal(text[:len(signature)], signature) {
		return nil, errHeader
	}
	if _, err := io.ReadFull(r, text[len(signature):]); err != nil {
		return nil, err
	}
	rest := int(binary.BigEndian.Uint16(text[fixedHeader-2:]))
	if text[len(signature)]>>4 != 2 || rest > maxHeader {
		return nil, errHeader
	}
	text = append(text, make([]byte, rest)...)
	if _, err := io.ReadFull(r, text[fixedHeader:]); err != nil {
		return nil, err
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(text), len(text)+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errHeader, err)
	}
	return h, nil
}
