package dev

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"time"

	"portcullis/internal/listen/authority"
)

const (
	demoUser = "ana"
	member   = "member"
	staff    = "staff"
	door     = "door.acme.example"
)

// cast are the credentials that the story shows.
type cast struct {
	ana, ben, gus     string // tokens: two members of acme, one of the staff of globex
	expired, unsigned string // ana's, and none of them good

	door     tls.Certificate // of acme's authority
	foreign  tls.Certificate // of globex's
	stranger tls.Certificate // of one that no tenant knows
}

// invite makes the credentials, and leaves those that are worth pasting in the house.
func (h *house) invite() (c *cast, err error) {
	c = new(cast)
	now := time.Now()
	for _, t := range []struct {
		to       *string
		of       *team
		user     string
		from     time.Time
		lifetime time.Duration
		role     string
	}{
		{&c.ana, h.acme, demoUser, now, demoLifetime, member},
		{&c.ben, h.acme, "ben", now, time.Hour, member},
		{&c.gus, h.globex, "gus", now, time.Hour, staff},
		{&c.expired, h.acme, demoUser, now.Add(-time.Hour), 50 * time.Minute, member},
	} {
		if *t.to, err = t.of.token(t.user, t.from, t.from.Add(t.lifetime), t.role); err != nil {
			return nil, err
		}
	}
	if c.unsigned, err = unsigned(h.acme.claims(demoUser, now, now.Add(time.Hour), member)); err != nil {
		return nil, err
	}
	if err = h.inviteDevices(c); err != nil {
		return nil, err
	}
	h.demoToken, err = h.write("acme/"+demoUser+".token", []byte(c.ana))
	return c, err
}

func (h *house) inviteDevices(c *cast) error {
	nobody, err := authority.New("an authority that no tenant knows")
	if err != nil {
		return err
	}
	for _, d := range []struct {
		to   *tls.Certificate
		of   *authority.Authority
		name string
		file string
	}{
		{&c.door, h.acme.authority, door, "acme/door"},
		{&c.foreign, h.globex.authority, "door.globex.example", "globex/door"},
		{&c.stranger, nobody, "door.initech.example", "initech/door"},
	} {
		pair, err := device(d.of, d.name)
		if err != nil {
			return err
		}
		if err := h.writePair(d.file, pair); err != nil {
			return err
		}
		*d.to = pair.TLS
	}
	return nil
}

// unsigned returns a token that claims to need no signature (RFC 7519, section 6), by hand: nothing here can be asked to sign one.
func unsigned(claims map[string]any) (string, error) {
	text, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(text) + ".", nil
}
