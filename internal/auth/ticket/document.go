package ticket

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// stored is what a ticket stands for.
type stored struct {
	principal *auth.Principal
	origin    Origin
	expires   time.Time
}

// document is a ticket as the engine keeps it: everything that a verifier said of the principal.
type document struct {
	Tenant      string            `json:"tenant"`
	User        string            `json:"user"`
	Segment     string            `json:"segment,omitempty"`
	Roles       []string          `json:"roles,omitempty"`
	Scopes      []string          `json:"scopes,omitempty"`
	Claims      []auth.Claim      `json:"claims,omitempty"`
	Info        string            `json:"info,omitempty"`
	Grants      *[]grant          `json:"grants,omitempty"`
	Issuer      string            `json:"issuer,omitempty"`
	KeyID       string            `json:"key_id,omitempty"`
	TokenID     string            `json:"token_id,omitempty"`
	Session     string            `json:"session,omitempty"`
	Method      auth.Method       `json:"method"`
	Certificate *auth.Certificate `json:"certificate,omitempty"`
	Issued      time.Time         `json:"issued"`
	Expires     time.Time         `json:"expires"`
	Terms       *auth.Terms       `json:"terms"`
	Algorithm   string            `json:"algorithm,omitempty"`
	Type        string            `json:"type,omitempty"`

	Origin  Origin    `json:"origin"`
	Ends    time.Time `json:"ends"`
	Version int       `json:"version"`
}

// version is of the document. A node that knows another one refuses the ticket: the client asks for a new one.
const version = 4

// grant is an [auth.Grant]. An empty list of them is kept: it is a principal who may do nothing, and no list one who may do what the rules allow.
type grant struct {
	Actions  []string `json:"actions"`
	Channels []string `json:"channels,omitempty"`
}

func written(grants *auth.Grants) *[]grant {
	if grants == nil {
		return nil
	}
	list := []grant{}
	for _, g := range grants.List() {
		d := grant{Actions: g.Actions}
		for _, p := range g.Channels {
			d.Channels = append(d.Channels, p.String())
		}
		list = append(list, d)
	}
	return &list
}

func read(list *[]grant) (*auth.Grants, error) {
	if list == nil {
		return nil, nil
	}
	grants := []auth.Grant{}
	for _, d := range *list {
		g := auth.Grant{Actions: d.Actions}
		for _, text := range d.Channels {
			p, err := channel.ParsePattern(text)
			if err != nil {
				return nil, err
			}
			g.Channels = append(g.Channels, p)
		}
		grants = append(grants, g)
	}
	return auth.NewGrants(grants), nil
}

func encode(p *auth.Principal, o Origin, ends time.Time) ([]byte, error) {
	d := document{
		Tenant: p.Tenant.String(), User: p.User, Segment: p.Segment, Roles: p.Roles, Scopes: p.Scopes, Claims: p.Claims, Issuer: p.Issuer, KeyID: p.KeyID,
		TokenID: p.TokenID, Session: p.Session, Method: p.Method, Issued: p.Issued.UTC(), Expires: writable(p.Expires),
		Terms: p.Terms, Algorithm: p.Algorithm, Type: p.Type, Grants: written(p.Grants), Info: p.Info, Origin: o, Ends: ends.UTC(), Version: version,
	}
	if p.Certificate != nil {
		c := *p.Certificate
		c.Expires = writable(c.Expires)
		c.Links = make([]auth.Link, len(c.Links))
		for i, link := range p.Certificate.Links {
			c.Links[i] = auth.Link{Authority: link.Authority, Serial: hexed(link.Serial)}
		}
		d.Certificate = &c
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write a ticket: %w", err)
	}
	return text, nil
}

// lastTime is the last that JSON can write (RFC 3339).
var lastTime = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// writable returns an end that JSON can write: devices have certificates until the last second of 9999 (RFC 5280, section 4.1.2.5), to which the leeway is added.
func writable(end time.Time) time.Time {
	if end.After(lastTime) {
		return lastTime
	}
	return end.UTC()
}

func decode(text []byte) (stored, error) {
	var d document
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.DisallowUnknownFields()
	if err := reader.Decode(&d); err != nil {
		return stored{}, err
	}
	if _, err := reader.Token(); err != io.EOF {
		return stored{}, errors.New("something follows it")
	}
	id, err := tenant.Parse(d.Tenant)
	switch {
	case err != nil:
		return stored{}, err
	case d.Version != version:
		return stored{}, fmt.Errorf("its version is %d, not %d", d.Version, version)
	case d.User == "" || d.Expires.IsZero() || d.Ends.IsZero():
		return stored{}, errors.New("it has no user or no end")
	}
	if d.Certificate != nil {
		for i := range d.Certificate.Links {
			if d.Certificate.Links[i].Serial, err = unhexed(d.Certificate.Links[i].Serial); err != nil {
				return stored{}, err
			}
		}
	}
	grants, err := read(d.Grants)
	if err != nil {
		return stored{}, err
	}
	return stored{&auth.Principal{
		Tenant: id, User: d.User, Segment: d.Segment, Roles: d.Roles, Scopes: d.Scopes, Claims: d.Claims, Issuer: d.Issuer, KeyID: d.KeyID,
		TokenID: d.TokenID, Session: d.Session, Method: d.Method, Certificate: d.Certificate, Issued: d.Issued, Expires: d.Expires,
		Terms: d.Terms, Algorithm: d.Algorithm, Type: d.Type, Grants: grants, Info: d.Info,
	}, d.Origin, d.Ends}, nil
}

// hexed and unhexed carry bytes through JSON, which would replace those that are no UTF-8.
func hexed(s string) string { return hex.EncodeToString([]byte(s)) }

func unhexed(s string) (string, error) {
	b, err := hex.DecodeString(s)
	return string(b), err
}
