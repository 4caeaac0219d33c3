package api

import (
	"encoding/hex"
	"net/http"

	"portcullis/internal/auth"
	"portcullis/internal/gateway/door"
)

// identity is who the gateway takes a caller for. Times are milliseconds since 1970, as on the wire.
type identity struct {
	Tenant      string              `json:"tenant"`
	User        string              `json:"user"`
	Segment     string              `json:"segment,omitempty"` // absent where the user is too long to be one
	Method      auth.Method         `json:"method"`
	Issuer      string              `json:"issuer,omitempty"`
	Roles       []string            `json:"roles"`
	Scopes      []string            `json:"scopes"`
	Claims      map[string][]string `json:"claims"`
	Grants      *[]grant            `json:"grants,omitempty"` // absent where the token was not narrowed
	TokenID     string              `json:"token_id,omitempty"`
	Session     string              `json:"session,omitempty"`
	KeyID       string              `json:"key_id,omitempty"`
	Certificate string              `json:"certificate,omitempty"` // SHA-256, lower-case hex
	Issued      int64               `json:"issued,omitempty"`
	Expires     int64               `json:"expires"` // leeway included
	Manages     bool                `json:"manages"` // whether a rule allows manage, and no grant takes it away
}

// grant is something that the token was narrowed to.
type grant struct {
	Actions  []string `json:"actions"`
	Channels []string `json:"channels,omitempty"`
}

func grantsOf(p *auth.Principal) *[]grant {
	if p.Grants == nil {
		return nil
	}
	list := []grant{}
	for _, g := range p.Grants.List() {
		one := grant{Actions: g.Actions}
		for _, pattern := range g.Channels {
			one.Channels = append(one.Channels, pattern.String())
		}
		list = append(list, one)
	}
	return &list
}

// whoami answers with the caller's own identity, and nothing that its credential did not say.
func (a *API) whoami(w http.ResponseWriter, _ *http.Request, c *door.Caller) error {
	p := c.Principal
	who := identity{
		Tenant: p.Tenant.String(), User: p.User, Segment: p.Segment, Method: p.Method, Issuer: p.Issuer,
		Roles: append([]string{}, p.Roles...), Scopes: append([]string{}, p.Scopes...), Claims: make(map[string][]string),
		Grants: grantsOf(p), TokenID: p.TokenID, Session: p.Session, KeyID: p.KeyID, Expires: p.Expires.UnixMilli(),
		Manages: c.Tenant.DecideManage(p).Allowed,
	}
	for _, claim := range p.Claims {
		who.Claims[claim.Name] = append(who.Claims[claim.Name], claim.Value)
	}
	if p.Certificate != nil {
		who.Certificate = hex.EncodeToString(p.Certificate.Fingerprint[:])
	}
	if !p.Issued.IsZero() {
		who.Issued = p.Issued.UnixMilli()
	}
	Answer(w, http.StatusOK, who)
	return nil
}
