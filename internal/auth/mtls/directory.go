package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls/crl"
	"portcullis/internal/tenant"
)

// Authority is one tenant's: whose certificates are its users'.
type Authority struct {
	Tenant   tenant.ID
	Certs    []*x509.Certificate // of one file, as [LoadAuthorities] returns them
	Identity Identity
	Leeway   time.Duration // 0 is [DefaultLeeway]
	// TrustDomain is that of SPIFFE identities; needed for them, and for no others.
	TrustDomain string
	// Lists are the revocation lists of Certs; nil for a tenant that has none.
	Lists *crl.Lists
}

// holder is a tenant that holds authorities.
type holder struct {
	tenant        tenant.ID
	identity      Identity
	domain        string
	terms         *auth.Terms
	lists         *crl.Lists
	leeway        time.Duration
	certs         []*x509.Certificate
	roots         *x509.CertPool // never empty: crypto/x509 would take the system's
	intermediates *x509.CertPool
}

// directory finds the holder of an issuer. Everything in it comes from the operator's files and nothing from a client.
//
// A certificate says by key id who issued it (RFC 5280, section 4.2.1.1). Where it does not, or where the authority has no key id, its issuer's name
// decides, to the byte; a name that two tenants' authorities share then decides nothing, and the chain is refused.
type directory struct {
	byID     map[string]*holder            // by key id
	byName   map[string][]*holder          // by subject, every authority
	byNoID   map[string][]*holder          // by subject, authorities without a key id
	byPublic map[[sha256.Size]byte]*holder // by the hash of the public key, as [auth.Link] has it
	byTenant map[tenant.ID]*holder
}

type entry struct {
	cert   *x509.Certificate
	holder *holder
}

func newDirectory(authorities []Authority) (*directory, error) {
	d := &directory{
		byID:     make(map[string]*holder),
		byName:   make(map[string][]*holder),
		byNoID:   make(map[string][]*holder),
		byPublic: make(map[[sha256.Size]byte]*holder),
		byTenant: make(map[tenant.ID]*holder),
	}
	var all []entry
	for _, a := range authorities {
		if d.byTenant[a.Tenant] != nil {
			return nil, fmt.Errorf("tenant %s has two sets of authorities; put them into one file", a.Tenant)
		}
		h, err := newHolder(a)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", a.Tenant, err)
		}
		d.byTenant[a.Tenant] = h
		for _, c := range a.Certs {
			if err := d.add(c, h); err != nil {
				return nil, err
			}
			all = append(all, entry{c, h})
		}
	}
	if err := separate(all); err != nil {
		return nil, err
	}
	return d, nil
}

func newHolder(a Authority) (*holder, error) {
	if _, ok := tags[a.Identity]; !ok && a.Identity != Fingerprint {
		return nil, fmt.Errorf("certificate identity %q is not known; use uri, spiffe, dns, email or fingerprint", a.Identity)
	}
	if err := checkDomain(a); err != nil {
		return nil, err
	}
	if a.Tenant.IsZero() {
		return nil, errors.New("authorities need a tenant")
	}
	anchors, intermediates := roots(a.Certs)
	if len(anchors) == 0 {
		return nil, fmt.Errorf("%d certificates and no root among them; put the root's certificate into the authorities file", len(a.Certs))
	}
	h := &holder{
		tenant: a.Tenant, identity: a.Identity, domain: a.TrustDomain, terms: &auth.Terms{Identity: string(a.Identity), TrustDomain: a.TrustDomain},
		lists: a.Lists, leeway: a.Leeway, certs: a.Certs,
		roots: x509.NewCertPool(), intermediates: x509.NewCertPool(),
	}
	if h.leeway == 0 {
		h.leeway = DefaultLeeway
	}
	for _, c := range anchors {
		h.roots.AddCert(c)
	}
	for _, c := range intermediates {
		h.intermediates.AddCert(c)
	}
	return h, nil
}

// add enters a certificate. Two tenants with one authority would make one tenant's clients the other's.
func (d *directory) add(c *x509.Certificate, h *holder) error {
	id, key := string(c.SubjectKeyId), sha256.Sum256(c.RawSubjectPublicKeyInfo)
	other := d.byPublic[key]
	if other == nil && id != "" {
		other = d.byID[id]
	}
	if other != nil && other != h {
		return fmt.Errorf("tenants %s and %s have the same authority %q (by its key or key id); an authority belongs to one tenant: "+
			"give each tenant one of its own, a subordinate one will do", other.tenant, h.tenant, c.Subject)
	}
	d.byPublic[key] = h
	name := string(c.RawSubject)
	d.byName[name] = insert(d.byName[name], h)
	if id == "" {
		d.byNoID[name] = insert(d.byNoID[name], h)
	} else {
		d.byID[id] = h
	}
	return nil
}

func insert(holders []*holder, h *holder) []*holder {
	if slices.Contains(holders, h) {
		return holders
	}
	return append(holders, h)
}

// separate refuses an authority that another tenant's authority issued: its clients would be both tenants'.
func separate(all []entry) error {
	bySubject := make(map[string][]entry)
	for _, top := range all {
		name := string(top.cert.RawSubject)
		bySubject[name] = append(bySubject[name], top)
	}
	for _, sub := range all {
		for _, top := range bySubject[string(sub.cert.RawIssuer)] {
			if sub.holder != top.holder && issued(top.cert, sub.cert) {
				return fmt.Errorf("the authority %q of tenant %s was issued by %q of tenant %s, so that its clients would be both tenants'; "+
					"give tenant %[4]s a subordinate authority of its own instead", sub.cert.Subject, sub.holder.tenant, top.cert.Subject, top.holder.tenant)
			}
		}
	}
	return nil
}

// find returns the one holder of the issuers that a chain names.
func (d *directory) find(chain []*x509.Certificate) (*holder, error) {
	var found *holder
	for _, c := range chain {
		holders := d.issuer(c)
		if len(holders) > 1 || len(holders) == 1 && found != nil && holders[0] != found {
			return nil, auth.Refuse(auth.CertificateUntrusted, "the chain names authorities of more than one tenant as its issuers")
		}
		if len(holders) == 1 {
			found = holders[0]
		}
	}
	if found == nil {
		return nil, auth.Refuse(auth.CertificateUntrusted, "no tenant has the authority that issued it")
	}
	return found, nil
}

func (d *directory) issuer(c *x509.Certificate) []*holder {
	if len(c.AuthorityKeyId) == 0 {
		return d.byName[string(c.RawIssuer)]
	}
	if h := d.byID[string(c.AuthorityKeyId)]; h != nil {
		return []*holder{h}
	}
	return d.byNoID[string(c.RawIssuer)]
}
