package jwt

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/jws"
	"portcullis/internal/channel"
)

// maxValues bounds a principal's roles, scopes and claims together. A token with more is refused: to leave some out could leave out the one
// that a rule denies by. The length of their texts is bounded by the token's.
const maxValues = 512

// principal is who t speaks for, once everything about it is checked.
func (e *entry) principal(t *jws.Token, method auth.Method) (*auth.Principal, error) {
	p := &auth.Principal{
		Tenant:  e.Tenant,
		User:    e.Prefix + t.Claims.Subject,
		Issuer:  e.Issuer.Issuer,
		KeyID:   t.Header.KeyID,
		TokenID: t.Claims.TokenID,
		Session: t.Claims.Session,
		Method:  method,
		Issued:  t.Claims.IssuedAt,
		Expires: t.Claims.Expires.Add(e.Leeway),

		Terms:     e.terms,
		Algorithm: listed(e.Algorithms, t.Header.Algorithm),
		Type:      listed(e.Types, mediaType(t.Header.Type)),
	}
	var err error
	if p.Roles, err = e.readRoles(&t.Claims); err != nil {
		return nil, err
	}
	if p.Scopes, err = readScopes(&t.Claims); err != nil {
		return nil, err
	}
	p.Claims = readClaims(&t.Claims)
	p.Grants = e.grants(&t.Claims)
	p.Info = e.readInfo(&t.Claims)
	if n := len(p.Roles) + len(p.Scopes) + len(p.Claims); n > maxValues {
		return nil, auth.Refuse(auth.TokenMalformed, "the token has %d roles, scopes and claims; the limit is %d", n, maxValues)
	}
	own(p)
	p.Segment, _ = channel.Segment(p.User)
	return p, nil
}

// listed returns the settings' own text for what they list: a principal must not keep the token's.
func listed(settings []string, text string) string {
	if i := slices.Index(settings, text); i >= 0 {
		return settings[i]
	}
	return ""
}

// readRoles takes a role as text or a list of roles. Anything else is refused: a rule may deny by a role, so misread roles are not none.
func (e *entry) readRoles(c *jws.Claims) ([]string, error) {
	v, ok := e.roles.In(c)
	if !ok || v.IsNull() {
		return nil, nil
	}
	roles, ok := v.Texts()
	if !ok {
		return nil, auth.Refuse(auth.TokenMalformed, "the roles in %q are neither text nor a list of texts", e.RolesClaim)
	}
	return roles, nil
}

// readScopes takes scope (RFC 8693, section 4.2) and scp, as Entra ID and Okta call it: text with spaces between, or a list.
func readScopes(c *jws.Claims) ([]string, error) {
	var scopes []string
	for _, name := range []string{"scope", "scp"} {
		v, ok := c.Lookup(name)
		if !ok || v.IsNull() {
			continue
		}
		texts, ok := v.Texts()
		if !ok {
			return nil, auth.Refuse(auth.TokenMalformed, "%s is neither text nor a list of texts", name)
		}
		for _, text := range texts {
			for scope := range strings.SplitSeq(text, " ") {
				if scope != "" {
					scopes = append(scopes, scope)
				}
			}
		}
	}
	return scopes, nil
}

// readInfo takes what others may see of the user, without the white space of the token. What is too large is left out: nothing is decided by it.
func (e *entry) readInfo(c *jws.Claims) string {
	if e.info == nil {
		return ""
	}
	v, ok := e.info.In(c)
	if !ok || v.IsNull() {
		return ""
	}
	var text bytes.Buffer
	if err := json.Compact(&text, []byte(v)); err != nil || text.Len() > auth.MaxInfo {
		return ""
	}
	return text.String()
}

// grants returns the entries of authorization_details that are for this tenant: those whose locations name its audience, or that have none. A token all of
// whose entries are for elsewhere has an empty list, which covers nothing; only one without any has none.
func (e *entry) grants(c *jws.Claims) *auth.Grants {
	if len(c.Granted) == 0 {
		return nil
	}
	list := make([]auth.Grant, 0, len(c.Granted))
	for _, g := range c.Granted {
		if g.Locations == nil || slices.Contains(g.Locations, e.Audience) {
			list = append(list, g.Grant)
		}
	}
	return auth.NewGrants(list)
}

// registered are the claims that are no one's to write rules about: they were checked, and stand in the principal's own fields.
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// readClaims takes all scalars, and the texts in lists. What is nested deeper no rule can name.
func readClaims(c *jws.Claims) []auth.Claim {
	claims := make([]auth.Claim, 0, len(c.All))
	for _, m := range c.All {
		if slices.Contains(registered, m.Name) {
			continue
		}
		if text, ok := m.Value.Scalar(); ok {
			claims = append(claims, auth.Claim{Name: m.Name, Value: text})
			continue
		}
		if !m.Value.IsList() {
			continue
		}
		for element := range m.Value.Elements() {
			if text, ok := element.Text(); ok {
				claims = append(claims, auth.Claim{Name: m.Name, Value: text})
			}
		}
	}
	slices.SortStableFunc(claims, func(a, b auth.Claim) int { return cmp.Compare(a.Name, b.Name) })
	return slices.Clone(claims) // without the room to grow
}

// own moves the texts that came out of the token into one that is p's alone. A principal lives as long as a session; it must not
// keep the whole token alive, and one text costs less than fifty. The user's name has one of its own: it stands in every message that the user says, for as long as a channel keeps that.
func own(p *auth.Principal) {
	p.User = strings.Clone(p.User)
	texts := []*string{&p.KeyID, &p.TokenID, &p.Session}
	for i := range p.Roles {
		texts = append(texts, &p.Roles[i])
	}
	for i := range p.Scopes {
		texts = append(texts, &p.Scopes[i])
	}
	for i := range p.Claims {
		texts = append(texts, &p.Claims[i].Name, &p.Claims[i].Value)
	}
	size := 0
	for _, t := range texts {
		size += len(*t)
	}
	var b strings.Builder
	b.Grow(size)
	for _, t := range texts {
		b.WriteString(*t)
	}
	all := b.String()
	for _, t := range texts {
		*t, all = all[:len(*t)], all[len(*t):]
	}
}
