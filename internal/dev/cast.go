package dev

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"time"

	"portcullis/internal/dev/house"
	"portcullis/internal/dev/story"
	"portcullis/internal/listen/authority"
)

const (
	demoUser = "ana"
	member   = "member"
	staff    = "staff"
)

// demoLifetime is how long the demo user's token is good: longer than a day's work, shorter than the longest that a tenant believes.
const demoLifetime = 12 * time.Hour

// invite makes the credentials, and leaves those that are worth pasting in the house. demo is the file of the demo user's token.
func invite(h *house.House) (c *story.Cast, demo string, err error) {
	c = new(story.Cast)
	now := time.Now()
	for _, t := range []struct {
		to       *string
		of       *house.Team
		user     string
		from     time.Time
		lifetime time.Duration
		role     string
	}{
		{&c.Ana, h.Acme, demoUser, now, demoLifetime, member},
		{&c.Ben, h.Acme, "ben", now, time.Hour, member},
		{&c.Gus, h.Globex, "gus", now, time.Hour, staff},
		{&c.Expired, h.Acme, demoUser, now.Add(-time.Hour), 50 * time.Minute, member},
	} {
		if *t.to, err = t.of.Token(t.user, t.from, t.from.Add(t.lifetime), t.role); err != nil {
			return nil, "", err
		}
	}
	if c.Unsigned, err = unsigned(h.Acme.Claims(demoUser, now, now.Add(time.Hour), member)); err != nil {
		return nil, "", err
	}
	if err = inviteDevices(h, c); err != nil {
		return nil, "", err
	}
	demo, err = h.Write("acme/"+demoUser+".token", []byte(c.Ana))
	return c, demo, err
}

func inviteDevices(h *house.House, c *story.Cast) error {
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
		{&c.Door, h.Acme.Authority, story.Device, "acme/door"},
		{&c.Foreign, h.Globex.Authority, "door.globex.example", "globex/door"},
		{&c.Stranger, nobody, "door.initech.example", "initech/door"},
	} {
		pair, err := d.of.Issue(authority.Leaf{Name: d.name, DNS: []string{d.name}, Client: true})
		if err != nil {
			return err
		}
		if err := h.WritePair(d.file, pair); err != nil {
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
