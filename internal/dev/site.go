package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"portcullis/internal/dev/playground"
)

// site is where a browser tries the gateway. Its address is known before the gateway's configuration is written, which must name its origin.
type site struct {
	listener net.Listener
	server   http.Server
	ended    chan error // holds what Serve returned; nil while nothing serves
}

func openSite(at addresses) (*site, error) {
	l, err := net.Listen("tcp", at.page.text)
	if err != nil {
		return nil, at.taken(err)
	}
	return &site{listener: l}, nil
}

func (p *site) url() string { return "http://" + p.listener.Addr().String() + "/" }

// origins are those that a browser may know the page by.
func (p *site) origins() []string {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String())
	all := []string{"http://" + p.listener.Addr().String(), "http://localhost:" + port}
	slices.Sort(all)
	return slices.Compact(all)
}

// players are whom the page can be, and their roles.
var players = []struct {
	user  string
	roles []string
}{{"ana", []string{member}}, {"ben", []string{member}}, {"hana", []string{member, "host"}}, {"eve", []string{member}}}

// tokenLifetime is short, for the page to show how a credential is replaced while the connection stays.
const (
	tokenLifetime     = 5 * time.Minute
	assertionLifetime = 24 * time.Hour
)

// serve answers browsers until close.
func (p *site) serve(g *gateway) {
	p.server = http.Server{Handler: playground.Handler(g.playground()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.server.Serve(p.listener) }() // close waits for it
}

func (p *site) close() error {
	if p.ended == nil {
		return p.listener.Close()
	}
	err := p.server.Close()
	if serving := <-p.ended; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	return err
}

func (g *gateway) playground() playground.Config {
	acme := g.house.Acme
	c := playground.Config{Gateway: g.state().PlainURL, Issuer: acme.Issuer, KeySet: acme.KeySet}
	for _, one := range players {
		c.Users = append(c.Users, one.user)
	}
	c.Token = func(user string) (string, error) {
		for _, one := range players {
			if one.user == user {
				now := time.Now()
				return acme.Token(user, now, now.Add(tokenLifetime), one.roles...)
			}
		}
		return "", fmt.Errorf("nobody is called %q", user)
	}
	c.Assertion = func(user string, keys []json.RawMessage) (string, error) {
		now := time.Now()
		return acme.Assertion(user, now, now.Add(assertionLifetime), keys)
	}
	return c
}
