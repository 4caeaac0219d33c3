package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"portcullis/internal/auth/jwt/jws"
	"portcullis/internal/dev"
)

// fromDev finds the development gateway, and what no flag gives besides its address.
func (t *target) fromDev() error {
	state, err := dev.LoadState()
	if errors.Is(err, dev.ErrNotRunning) {
		return fmt.Errorf("no gateway is named: give --url, or set PORTCULLIS_URL; %w", err)
	}
	if err != nil {
		return err
	}
	t.url, t.ca = state.URL, cmp.Or(t.ca, state.CAFile)
	if t.token == "" && t.cert == "" {
		t.token, err = readTokenFile(state.TokenFile)
	}
	return err
}

// fromDev lets the development gateway's issuer sign, for its demo user unless another is given.
func (m *minting) fromDev() error {
	state, err := dev.LoadState()
	if err != nil {
		return err
	}
	m.key, m.issuer, m.audience = cmp.Or(m.key, state.KeyFile), cmp.Or(m.issuer, state.Issuer), cmp.Or(m.audience, state.Audience)
	if m.user != "" {
		return nil
	}
	token, err := readTokenFile(state.TokenFile)
	if err != nil {
		return err
	}
	demo, err := jws.Read(token)
	if err != nil {
		return fmt.Errorf("read the demo user's token: %w", err)
	}
	m.user = strings.Clone(demo.Claims.Subject)
	if roles, ok := demo.Claims.Lookup("roles"); ok && len(m.roles) == 0 {
		m.roles, _ = roles.Texts()
	}
	return nil
}
