package dev

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// The addresses of a gateway that goes on after its story.
const (
	DefaultListen = "127.0.0.1:8080"
	DefaultTLS    = "127.0.0.1:8443"
	DefaultAdmin  = "127.0.0.1:8081"
	DefaultPage   = "127.0.0.1:8082"
)

// anyPort is where a gateway listens that nobody but its story will look for.
const anyPort = "127.0.0.1:0"

// UsageError is a flag that says what cannot be.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

func misuse(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// address is what one flag says.
type address struct {
	flag, text string
	host, port string
}

// addresses are those of the four listeners.
type addresses struct{ plain, tls, admin, page address }

func newAddresses(o Options) (a addresses, err error) {
	a = addresses{
		plain: address{flag: "--listen", text: o.Listen},
		tls:   address{flag: "--tls", text: o.TLS},
		admin: address{flag: "--admin", text: o.Admin},
		page:  address{flag: "--page", text: o.Page},
	}
	ports := make(map[string]string)
	for i, one := range a.all() {
		if one.text == "" {
			one.text = [...]string{DefaultListen, DefaultTLS, DefaultAdmin, DefaultPage}[i]
			if o.Once {
				one.text = anyPort
			}
		}
		if err := one.split(); err != nil {
			return a, err
		}
		if other := ports[one.port]; other != "" && one.port != "0" {
			return a, misuse("%s and %s both want port %s; give each its own", other, one.flag, one.port)
		}
		ports[one.port] = one.flag
	}
	return a, nil
}

func (a *addresses) all() []*address { return []*address{&a.plain, &a.tls, &a.admin, &a.page} }

// split takes an address apart, and only one that nobody else can reach: the keys of dev are made to be played with.
func (a *address) split() (err error) {
	if a.host, a.port, err = net.SplitHostPort(a.text); err != nil {
		return misuse("%s %q is no address; write host:port like 127.0.0.1:8443", a.flag, a.text)
	}
	if n, err := strconv.ParseUint(a.port, 10, 16); err != nil || strconv.FormatUint(n, 10) != a.port {
		return misuse("%s %q has no port from 0 to 65535; write host:port like 127.0.0.1:8443", a.flag, a.text)
	}
	if ip, err := netip.ParseAddr(a.host); a.host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return misuse("%s %s: dev serves this machine alone; write 127.0.0.1:%s, or let config init write a configuration for serve",
			a.flag, a.text, a.port)
	}
	return nil
}

// taken names the flag whose address could not be listened on.
func (a *addresses) taken(err error) error {
	failed, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return err
	}
	tcp, ok := failed.Addr.(*net.TCPAddr)
	if !ok {
		return err
	}
	for _, one := range a.all() {
		if one.port == strconv.Itoa(tcp.Port) {
			return fmt.Errorf("%s %s cannot be listened on: %w; stop what is there, or take a free port with %s 127.0.0.1:0",
				one.flag, one.text, failed.Err, one.flag)
		}
	}
	return err
}
