package mtls

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

const (
	// DefaultLeeway is for clocks that differ, as it is for tokens.
	DefaultLeeway = 30 * time.Second
	// maxChain is a leaf, two intermediates, and the root that some clients send along.
	maxChain = 4
)

// Verifier is an [auth.Verifier] for certificate chains. It is immutable.
type Verifier struct {
	directory *directory
	gate      auth.Gate
}

var _ auth.Verifier = (*Verifier)(nil)

// New returns a verifier for the authorities of all tenants. Signatures are verified behind gate.
func New(authorities []Authority, gate auth.Gate) (*Verifier, error) {
	d, err := newDirectory(authorities)
	if err != nil {
		return nil, err
	}
	return &Verifier{d, gate}, nil
}

// Verify decides whom a certificate without a token speaks for.
func (v *Verifier) Verify(ctx context.Context, c auth.Credential, now time.Time) (*auth.Principal, error) {
	if c.Token != "" {
		return nil, auth.Refuse(auth.AmbiguousCredentials, "there is a token beside the certificate, and it says who the client is")
	}
	holder, err := v.inspect(c.Chain, now)
	if err != nil {
		return nil, err
	}
	user, err := holder.user(c.Chain[0])
	if err != nil {
		return nil, err
	}
	certificate, err := v.trust(ctx, holder, c.Chain, now)
	if err != nil {
		return nil, err
	}
	segment, _ := channel.Segment(user)
	return &auth.Principal{
		Tenant:      holder.tenant,
		User:        user,
		Segment:     segment,
		Method:      auth.MutualTLS,
		Certificate: certificate,
		Issued:      c.Chain[0].NotBefore,
		Expires:     certificate.Expires,
		Terms:       holder.terms,
	}, nil
}

// Tenant returns the tenant whose authorities issued a chain, and what is to be remembered of it. It is for a certificate beside a
// token: it asks for no identity. It waits at the gate like Verify, so nobody may call it from behind the gate.
func (v *Verifier) Tenant(ctx context.Context, chain []*x509.Certificate, now time.Time) (tenant.ID, *auth.Certificate, error) {
	holder, err := v.inspect(chain, now)
	if err != nil {
		return tenant.ID{}, nil, err
	}
	certificate, err := v.trust(ctx, holder, chain, now)
	if err != nil {
		return tenant.ID{}, nil, err
	}
	return holder.tenant, certificate, nil
}

// inspect checks all that needs no cryptography and says whose chain it would be.
func (v *Verifier) inspect(chain []*x509.Certificate, now time.Time) (*holder, error) {
	if len(chain) == 0 {
		return nil, auth.Refuse(auth.MissingCredentials, "there is no certificate")
	}
	if len(chain) > maxChain {
		return nil, auth.Refuse(auth.CertificateUntrusted, "the chain has %d certificates, more than %d", len(chain), maxChain)
	}
	for i, c := range chain {
		if broken := checkKey(c); broken != "" {
			return nil, auth.Refuse(auth.CertificateUntrusted, "certificate %d of the chain has %s as its key; %s", i+1, broken, keyRule)
		}
	}
	if err := checkTwins(chain); err != nil {
		return nil, err
	}
	if err := checkLeaf(chain[0], now); err != nil {
		return nil, err
	}
	return v.directory.find(chain)
}

// checkTwins refuses authorities that could stand in for each other: crypto/x509 would try every order of them, and verify signatures in each.
func checkTwins(chain []*x509.Certificate) error {
	for i, c := range chain {
		for _, other := range chain[:i] {
			if bytes.Equal(c.RawSubjectPublicKeyInfo, other.RawSubjectPublicKeyInfo) || i > 1 && bytes.Equal(c.RawSubject, other.RawSubject) {
				return auth.Refuse(auth.CertificateUntrusted, "certificate %d of the chain has the subject or the key of another", i+1)
			}
		}
	}
	return nil
}

func checkLeaf(leaf *x509.Certificate, now time.Time) error {
	const ca = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	anyUse := len(leaf.ExtKeyUsage) == 0 && len(leaf.UnknownExtKeyUsage) == 0
	switch {
	case now.Before(leaf.NotBefore):
		return auth.Refuse(auth.CertificateExpired, "it is not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return auth.Refuse(auth.CertificateExpired, "it expired on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case leaf.IsCA || leaf.KeyUsage&ca != 0:
		return auth.Refuse(auth.CertificatePurpose, "it is an authority's own certificate")
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return auth.Refuse(auth.CertificatePurpose, "its key usage has no digitalSignature")
	case !anyUse && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return auth.Refuse(auth.CertificatePurpose, "its extended key usage has no clientAuth")
	}
	return nil
}

// trust verifies signatures, times, constraints and purpose of the whole chain, against one tenant's authorities.
func (v *Verifier) trust(ctx context.Context, h *holder, chain []*x509.Certificate, now time.Time) (*auth.Certificate, error) {
	if err := v.gate.Acquire(ctx); err != nil {
		return nil, err
	}
	defer v.gate.Release()
	sent, err := h.vouched(chain[1:])
	if err != nil {
		return nil, err
	}
	intermediates := h.intermediates.Clone()
	for _, c := range sent {
		intermediates.AddCert(c)
	}
	verified, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         h.roots,
		Intermediates: intermediates,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, auth.Refuse(reasonOf(err), "the chain is not one of tenant %s: %w", h.tenant, err)
	}
	return h.best(verified, now)
}

// best returns what is to be remembered of the verified chain that ends last, of those in which nothing is revoked.
func (h *holder) best(verified [][]*x509.Certificate, now time.Time) (best *auth.Certificate, revoked error) {
	for _, chain := range verified {
		c := remember(chain, end(chain).Add(h.leeway))
		if err := h.lists.Check(c, now); err != nil {
			revoked = err
			continue
		}
		if best == nil || c.Expires.After(best.Expires) {
			best = c
		}
	}
	if best == nil {
		return nil, revoked
	}
	return best, nil
}

// Check asks again about the certificate that p showed earlier: whether one of the authorities above it is the tenant's still, and whether it, or one of them, was
// revoked. Where it says who p is, it must name the same user still.
func (v *Verifier) Check(p *auth.Principal, now time.Time) error {
	h := v.directory.byTenant[p.Tenant]
	switch {
	case h == nil:
		return auth.Refuse(auth.CertificateUntrusted, "tenant %s has no authorities any more", p.Tenant)
	case !slices.ContainsFunc(p.Certificate.Links, func(l auth.Link) bool { return v.directory.byPublic[l.Authority] == h }):
		return auth.Refuse(auth.CertificateUntrusted, "no authority above the certificate is one of tenant %s any more", p.Tenant)
	case p.Issuer == "" && !h.terms.Same(p.Terms):
		return auth.Refuse(auth.CertificateIdentity, "tenant %s reads users out of certificates in another way", p.Tenant)
	}
	return h.lists.Check(p.Certificate, now)
}

// remember keeps of a verified chain what later questions need.
func remember(verified []*x509.Certificate, expires time.Time) *auth.Certificate {
	c := &auth.Certificate{Fingerprint: sha256.Sum256(verified[0].Raw), Expires: expires}
	for i, link := range verified[:len(verified)-1] {
		c.Links = append(c.Links, auth.Link{
			Authority: sha256.Sum256(verified[i+1].RawSubjectPublicKeyInfo),
			Serial:    string(link.SerialNumber.Bytes()),
		})
	}
	return c
}

// reasonOf reads what crypto/x509 found.
func reasonOf(err error) auth.Reason {
	invalid, _ := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case invalid.Cert != nil && invalid.Reason == x509.Expired:
		return auth.CertificateExpired
	case invalid.Cert != nil && invalid.Reason == x509.IncompatibleUsage:
		return auth.CertificatePurpose
	}
	return auth.CertificateUntrusted
}

// end returns when a verified chain ends: with the first of its certificates.
func end(chain []*x509.Certificate) time.Time {
	first := chain[0].NotAfter
	for _, c := range chain {
		if c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}
