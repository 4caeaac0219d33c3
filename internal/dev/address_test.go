package dev

import (
	"errors"
	"net"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want [3]string // plain, TLS, admin
		err  string
	}{
		{"the defaults", Options{}, [3]string{DefaultListen, DefaultTLS, DefaultAdmin}, ""},
		{"free ports for a story", Options{Once: true}, [3]string{anyPort, anyPort, anyPort}, ""},
		{"a flag is kept for a story", Options{Once: true, TLS: "[::1]:8443"}, [3]string{anyPort, "[::1]:8443", anyPort}, ""},
		{"by name", Options{Admin: "localhost:9000"}, [3]string{DefaultListen, DefaultTLS, "localhost:9000"}, ""},
		{"every address", Options{Listen: ":8080"}, [3]string{}, "--listen :8080: dev serves this machine alone; write 127.0.0.1:8080"},
		{"another machine's", Options{TLS: "192.0.2.1:8443"}, [3]string{}, "--tls 192.0.2.1:8443: dev serves"},
		{"a name", Options{Admin: "edge.example:1"}, [3]string{}, "--admin edge.example:1: dev serves"},
		{"no port", Options{Admin: "127.0.0.1"}, [3]string{}, `--admin "127.0.0.1" is no address`},
		{"a port too large", Options{TLS: "127.0.0.1:65536"}, [3]string{}, `--tls "127.0.0.1:65536" has no port`},
		{"a port with a sign", Options{TLS: "127.0.0.1:+1"}, [3]string{}, `--tls "127.0.0.1:+1" has no port`},
		{"one port twice", Options{Admin: "127.0.0.1:8443"}, [3]string{}, "--tls and --admin both want port 8443"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := newAddresses(tt.o)
			if tt.err != "" {
				if _, misused := errors.AsType[*UsageError](err); !misused || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want a usage error with %q", err, tt.err)
				}
				return
			}
			if got := [3]string{a.plain.text, a.tls.text, a.admin.text}; err != nil || got != tt.want {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestATakenPortNamesItsFlag(t *testing.T) {
	for _, flag := range []string{"--listen", "--tls", "--admin"} {
		t.Run(flag, func(t *testing.T) {
			temp := alone(t)
			l, err := net.Listen("tcp", anyPort)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var out page
			o := Options{Once: true, Stdout: &out}
			*map[string]*string{"--listen": &o.Listen, "--tls": &o.TLS, "--admin": &o.Admin}[flag] = l.Addr().String()
			err = Run(t.Context(), o)
			if want := flag + " " + l.Addr().String() + " cannot be listened on"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			left(t, temp)
		})
	}
}
