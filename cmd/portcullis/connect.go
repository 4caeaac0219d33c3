package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"portcullis/client"
)

// answerBy is how long a gateway has to let a client in, and to answer a request.
const answerBy = 10 * time.Second

// target is the gateway that a client command speaks with, and as whom.
type target struct {
	url, token, tokenFile, ca, cert, key string
}

func (t *target) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&t.url, "url", "", "the gateway, `wss://host` (default $PORTCULLIS_URL)")
	f.StringVar(&t.token, "token", "", "the token to show; other users of this machine may see it (default $PORTCULLIS_TOKEN)")
	f.StringVar(&t.tokenFile, "token-file", "", "read the token from a `file`")
	f.StringVar(&t.ca, "ca", "", "trust the gateway by the authorities in this PEM `file` instead of the system's")
	f.StringVar(&t.cert, "cert", "", "the client certificate to show, a PEM `file`")
	f.StringVar(&t.key, "key", "", "the private key of the certificate, a PEM `file`")
	c.MarkFlagsMutuallyExclusive("token", "token-file")
}

// whereTo is the last part of every client command's manual.
const whereTo = `

The gateway and the credential are given by flags, else by PORTCULLIS_URL and PORTCULLIS_TOKEN. Without an address it is the development
gateway that runs on this machine (portcullis dev), with its authority and, unless another is given, its demo user's token.`

// dial connects a client command.
func (s *shell) dial(ctx context.Context, t target) (*client.Conn, error) {
	if err := t.complete(s.env); err != nil {
		return nil, err
	}
	o := client.Options{URL: t.url}
	if t.token != "" {
		o.Token = func(context.Context) (string, error) { return t.token, nil }
	}
	var err error
	if o.TLS, err = t.tls(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerBy)
	defer cancel()
	conn, err := client.Dial(ctx, o)
	return conn, remedied(err)
}

// remedied is err with what to do about it, where the address is the likely mistake.
func remedied(err error) error {
	remedy := ""
	refused, answered := errors.AsType[*client.RefusedError](err)
	_, untrusted := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case untrusted:
		remedy = "name the file of the authority that the gateway's certificate is of with --ca"
	case answered && refused.Code == "": // a listener for TLS says so in words that net/http keeps
		remedy = "that is no gateway's answer: give --url the address of one, with wss:// where it speaks TLS"
	case errors.Is(err, http.ErrSchemeMismatch):
		remedy = "it speaks no TLS: give --url with ws:// where that is a gateway on this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		remedy = "no gateway listens there: start one, or give --url or PORTCULLIS_URL the address of one"
	default:
		return err
	}
	return fmt.Errorf("%w; %s", err, remedy)
}

// complete finds what no flag gives.
func (t *target) complete(env func(string) string) (err error) {
	if (t.cert == "") != (t.key == "") {
		return misuse("one of --cert and --key is missing; a certificate counts with its private key alone")
	}
	if t.tokenFile != "" {
		if t.token, err = readTokenFile(t.tokenFile); err != nil {
			return err
		}
	}
	if t.token == "" && t.cert == "" { // a flag that says who overrules the environment
		t.token = env("PORTCULLIS_TOKEN")
	}
	if t.url == "" {
		t.url = env("PORTCULLIS_URL")
	}
	if t.url == "" {
		return t.fromDev()
	}
	if t.token == "" && t.cert == "" {
		return errors.New("there is no credential for " + t.host() + ": give --token-file, --token, or --cert and --key, or set PORTCULLIS_TOKEN")
	}
	return nil
}

// host is the address without what nobody should read in an error.
func (t *target) host() string {
	u, err := url.Parse(t.url)
	if err != nil {
		return "this address"
	}
	return u.Host
}

// tls is what the files say about TLS; nil, where there are none, is what the system says.
func (t *target) tls() (*tls.Config, error) {
	if t.ca == "" && t.cert == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.ca != "" {
		text, err := os.ReadFile(t.ca)
		if err != nil {
			return nil, fmt.Errorf("read the authorities: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the authorities in %s: there is no certificate in it; it must be PEM", t.ca)
		}
	}
	if t.cert != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
