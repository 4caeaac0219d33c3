package story

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"

	"portcullis/client"
)

const (
	greeting = "Hello, Secure World!"
	lobby    = "room:lobby"
	notices  = "room:announcements"
)

// script is the story but for its last step.
func (s *stage) script() []step {
	refused := "401 unauthorized"
	return []step{
		{1, "ana of acme echoes on lab:rtt", "Echo: " + greeting, s.echo, nil},
		{2, "ben listens on room:lobby, ana publishes there", "ben hears ana: good morning", s.hear, nil},
		{3, "ana says three words while ben's line is down", "recovered one two three", s.recovered, nil},
		{4, "ana publishes on room:announcements, for hosts", "forbidden", s.announce, denials},
		{5, "gus of globex is on a room:lobby too", "gus hears gus, ben hears ana", s.apart, nil},
		{6, "a token that expired ten minutes ago", "401 token_expired", s.knock(s.cast.Expired), refusals("token_expired")},
		{7, "a token without a signature, alg: none", refused, s.knock(s.cast.Unsigned), refusals("alg_not_allowed")},
		{8, "a certificate of acme's authority, no token", "in as cert|" + Device, s.knock("", s.cast.Door), nil},
		{9, "ana's token beside a certificate of globex", refused, s.knock(s.cast.Ana, s.cast.Foreign), refusals("certificate_tenant")},
		{0, "a certificate of an authority nobody knows", refused, s.knock("", s.cast.Stranger), refusals("certificate_untrusted")},
	}
}

// echo is what the gateway is for, at its smallest.
func (s *stage) echo(ctx context.Context) string {
	ana, err := s.as(ctx, s.cast.Ana)
	if err != nil {
		return said(err)
	}
	back, err := ana.Echo(ctx, "lab:rtt", greeting)
	if err != nil {
		return said(err)
	}
	return "Echo: " + text(back)
}

// hear has one user publish what another hears.
func (s *stage) hear(ctx context.Context) (happened string) {
	ben, err := s.listener(ctx, s.cast.Ben)
	if err != nil {
		return said(err)
	}
	if err := s.publish(ctx, s.cast.Ana, lobby, "good morning"); err != nil {
		return said(err)
	}
	m, err := ben.Next(ctx)
	if err != nil {
		return said(err)
	}
	return fmt.Sprintf("ben hears %s: %s", m.From.User, text(m.Data))
}

// announce tries what a rule denies, though another one allows it.
func (s *stage) announce(ctx context.Context) string {
	return said(s.publish(ctx, s.cast.Ana, notices, "ana was here"))
}

// apart has acme, globex and acme publish in turns on the same name. Whoever heard the other tenant would hear it first, or in between: nobody has to
// wait in order to hear nothing.
func (s *stage) apart(ctx context.Context) string {
	ben, err := s.listener(ctx, s.cast.Ben)
	if err != nil {
		return said(err)
	}
	gus, err := s.listener(ctx, s.cast.Gus)
	if err != nil {
		return said(err)
	}
	for _, token := range []string{s.cast.Ana, s.cast.Gus, s.cast.Ana} {
		if err := s.publish(ctx, token, lobby, "is there anybody?"); err != nil {
			return said(err)
		}
	}
	heard := make([]string, 3)
	for i, l := range []*client.Subscription{gus, ben, ben} {
		m, err := l.Next(ctx)
		if err != nil {
			return said(err)
		}
		heard[i] = m.From.User
	}
	if heard[1] != heard[2] {
		heard[1] += " and " + heard[2]
	}
	return fmt.Sprintf("gus hears %s, ben hears %s", heard[0], heard[1])
}

// knock comes with a credential and says whether it was let in.
func (s *stage) knock(token string, certificates ...tls.Certificate) func(context.Context) string {
	return func(ctx context.Context) string {
		conn, err := s.dial(ctx, token, certificates...)
		if err != nil {
			return said(err)
		}
		return "in as " + conn.Welcome().User
	}
}

// said puts an answer of the gateway into few words.
func said(err error) string {
	if err == nil {
		return "ok"
	}
	if refused, ok := errors.AsType[*client.RefusedError](err); ok {
		return fmt.Sprintf("%d %s", refused.Status, refused.Code)
	}
	if answered, ok := errors.AsType[*client.Error](err); ok {
		return answered.Code
	}
	return err.Error()
}

// text is a JSON string without its quotes, and everything else as it stands.
func text(data json.RawMessage) string {
	var s string
	if json.Unmarshal(data, &s) != nil {
		return string(data)
	}
	return s
}
