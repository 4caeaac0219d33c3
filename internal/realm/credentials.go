package realm

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/mtls"
	"portcullis/internal/auth/mtls/crl"
	"portcullis/internal/config"
	"portcullis/internal/tenant"
)

// issuer reads one issuer's settings and finds its keys.
func (b *builder) issuer(c *config.Tenant, id tenant.ID, i int) {
	s := c.Issuers[i]
	source := b.source(c, i)
	if source == nil {
		return
	}
	b.issuers = append(b.issuers, jwt.Issuer{
		Tenant: id, Issuer: s.Issuer, Audience: s.Audience, AudienceClaim: s.AudienceClaim,
		LogoutAudience: s.LogoutAudience, EventsAudience: s.EventsAudience, TenantClaim: requiredOf(s.TenantClaim),
		Algorithms: s.Algorithms, Types: typesOf(s.Types), RolesClaim: s.RolesClaim, PresenceClaim: s.PresenceClaim, Prefix: s.Prefix,
		MaxLifetime: time.Duration(s.MaxLifetime), Leeway: time.Duration(s.Leeway),
		Keys: source,
	})
}

func requiredOf(c *config.TenantClaim) jwt.Required {
	if c == nil {
		return jwt.Required{}
	}
	return jwt.Required(*c)
}

// typesOf turns the configuration's word for a missing typ into the verifier's.
func typesOf(configured []string) []string {
	types := make([]string, len(configured))
	for i, t := range configured {
		if t != "absent" {
			types[i] = t
		}
	}
	return types
}

// origin is where one issuer's keys come from.
type origin struct{ issuer, place string }

// keysOf is where an issuer's keys come from; nothing where they are discovered.
func keysOf(s config.Issuer) string { return s.JWKSURI + string(s.JWKSFile) }

// source returns the keys of an issuer, the same for everybody who reads them from the same place.
func (b *builder) source(c *config.Tenant, i int) *jwks.Source {
	s := c.Issuers[i]
	place := keysOf(s)
	key := origin{s.Issuer, place}
	if known := b.snapshot.sources[key]; known != nil {
		return known
	}
	if known := b.previous.sources[key]; known != nil {
		if s.JWKSFile != "" { // what cannot be read now could not be read at the next start
			if err := known.Fetch(context.Background()); err != nil {
				b.add(c.Problem(fmt.Sprintf("issuers[%d].jwks_file", i), "%v", err))
				return nil
			}
		}
		b.snapshot.sources[key] = known
		return known
	}
	o := jwks.Options{Issuer: s.Issuer, Observer: b.options.Keys, Log: b.options.Log}
	made, member, err := (*jwks.Source)(nil), "issuer", error(nil)
	switch {
	case s.JWKSFile != "":
		member = "jwks_file"
		made, err = jwks.File(string(s.JWKSFile), o)
	case s.JWKSURI != "":
		member = "jwks_uri"
		made, err = jwks.URL(s.JWKSURI, nil, o)
	default:
		made, err = jwks.Discovery(s.Issuer, nil, o)
	}
	if err != nil {
		b.add(c.Problem(fmt.Sprintf("issuers[%d].%s", i, member), "%v", err))
		return nil
	}
	if b.snapshot.sources[key] = made; s.JWKSFile == "" {
		b.snapshot.fresh = append(b.snapshot.fresh, made)
	}
	return made
}

// authority reads a tenant's certificate authorities.
func (b *builder) authority(c *config.Tenant, t *Tenant) {
	certs, err := mtls.LoadAuthorities(string(c.Certificates.AuthoritiesFile), time.Now())
	if err != nil {
		b.add(c.Problem("certificates.authorities_file", "%v", err))
		return
	}
	t.authorities = certs
	a := mtls.Authority{Tenant: t.ID, Certs: certs, Identity: mtls.Identity(c.Certificates.Identity), TrustDomain: c.Certificates.TrustDomain}
	if len(c.Certificates.RevocationLists) > 0 {
		if a.Lists = b.lists(c, certs, time.Now()); a.Lists == nil {
			return
		}
		if was := b.previous.tenants[t.ID]; was != nil && was.lists.Same(a.Lists) { // it remembers which lists it must not go back to
			a.Lists = was.lists
		}
		t.lists = a.Lists
	}
	if _, err := mtls.New([]mtls.Authority{a}, b.options.CertificateGate); err != nil {
		b.add(c.Problem("certificates", "%v", err))
	}
	b.authorities = append(b.authorities, a)
}

// lists reads the revocation lists of a tenant's authorities. It returns nil when they cannot be used.
func (b *builder) lists(c *config.Tenant, authorities []*x509.Certificate, now time.Time) *crl.Lists {
	const path = "certificates.revocation_lists"
	var files []string
	for _, file := range c.Certificates.RevocationLists {
		files = append(files, string(file))
	}
	lists, err := crl.Load(files, authorities, now)
	if err != nil {
		for _, fault := range err.(interface{ Unwrap() []error }).Unwrap() {
			at := path
			if of, ok := errors.AsType[*crl.FileError](fault); ok {
				at = fmt.Sprintf("%s[%d]", path, slices.Index(files, of.File))
			}
			b.add(c.Problem(at, "%v", fault))
		}
		return nil
	}
	for _, warning := range lists.Warnings(now) {
		b.add(c.Warning(path, "%s", warning))
	}
	return lists
}

// alone checks what one tenant's issuers say to each other, where the place is known. What tenants say to each other is checked by verifiers.
func (b *builder) alone(c *config.Tenant, own []jwt.Issuer) {
	if _, err := jwt.NewVerifier(own, b.options.Gate); err != nil {
		b.add(c.Problem("issuers", "%v", err))
	}
}

// verifiers makes what believes credentials, of all tenants together.
func (b *builder) verifiers() {
	if config.Failed(b.problems) {
		return
	}
	if len(b.issuers) > 0 {
		v, err := jwt.NewVerifier(b.issuers, b.options.Gate)
		if err != nil {
			b.add(b.config.Problem("tenants", "%v", err))
		} else {
			v.Continue(b.previous.tokens)
			b.snapshot.tokens = v
		}
	}
	if len(b.authorities) > 0 {
		v, err := mtls.New(b.authorities, b.options.CertificateGate)
		if err != nil {
			b.add(b.config.Problem("tenants", "%v", err))
		} else {
			b.snapshot.certificates = v
		}
	}
}
