package mtls

import (
	"bytes"
	"crypto/x509"
	"slices"

	"portcullis/internal/auth"
)

// vouched returns those of the authorities sent by a client that the tenant's own issued, at first hand or through each other. It goes from the top down and
// ends at the first signature that is wrong, so that a stranger's chain costs one: crypto/x509 goes from the leaf up, and would verify all that the stranger
// signed before it comes to what the stranger could not sign. It sees only what is vouched for.
func (h *holder) vouched(sent []*x509.Certificate) (vouched []*x509.Certificate, err error) {
	known := slices.Clone(h.certs)
	left := slices.DeleteFunc(slices.Clone(sent), func(c *x509.Certificate) bool { return slices.ContainsFunc(known, c.Equal) })
	for {
		next := slices.IndexFunc(left, func(c *x509.Certificate) bool {
			return slices.ContainsFunc(known, func(k *x509.Certificate) bool { return names(c, k) })
		})
		if next < 0 {
			return vouched, nil
		}
		c := left[next]
		if !slices.ContainsFunc(known, func(k *x509.Certificate) bool { return names(c, k) && c.CheckSignatureFrom(k) == nil }) {
			return nil, auth.Refuse(auth.CertificateUntrusted, "an authority in the chain names one of tenant %s as its issuer, which did not issue it", h.tenant)
		}
		left = slices.Delete(left, next, next+1)
		known, vouched = append(known, c), append(vouched, c)
	}
}

// names reports whether c says that it was issued by issuer: by its name, and by key id where both have one.
func names(c, issuer *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, issuer.RawSubject) &&
		(len(c.AuthorityKeyId) == 0 || len(issuer.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId))
}
