package mtls

import (
	"crypto/x509"
	"fmt"
	"strings"

	"portcullis/internal/auth"
)

const spiffeScheme = "spiffe://"

// checkDomain makes sure that a trust domain is named where identities are SPIFFE's, and nowhere else.
func checkDomain(a Authority) error {
	switch {
	case a.Identity != SPIFFE && a.TrustDomain != "":
		return fmt.Errorf("trust_domain is %q and identity %s; a trust domain is for identity spiffe, take it out or change identity", a.TrustDomain, a.Identity)
	case a.Identity == SPIFFE && !domain(a.TrustDomain):
		return fmt.Errorf("trust_domain is %q; with identity spiffe it must be the trust domain of the tenant's identities, 1 to 255 of a-z, 0-9, dot, - and _", a.TrustDomain)
	}
	return nil
}

// domain reports whether s can be a trust domain (SPIFFE-ID, section 2.1).
func domain(s string) bool {
	return s != "" && len(s) <= 255 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

// checkSVID holds a certificate against X.509-SVID, sections 2 to 4, as far as it asks for more than every other identity: that the certificate is a leaf, for
// clients, and may not sign certificates was checked, and so was that it may sign, where it says so. A SPIFFE certificate must say so.
func checkSVID(leaf *x509.Certificate, id, ours string) error {
	if leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return auth.Refuse(auth.CertificatePurpose, "it has no key usage, and a SPIFFE certificate must have digitalSignature")
	}
	return checkID(id, ours)
}

// checkID holds an identity against SPIFFE-ID, section 2: nothing but the scheme, the trust domain and a path, each spelled in one way, so that there is nothing to normalise and no two
// of them mean one workload.
func checkID(id, ours string) error {
	rest, ok := strings.CutPrefix(id, spiffeScheme)
	if !ok {
		return auth.Refuse(auth.CertificateIdentity, "its URI is no SPIFFE ID")
	}
	trust, path, ok := strings.Cut(rest, "/")
	if trust != ours {
		return auth.Refuse(auth.CertificateIdentity, "its trust domain is %.64q, not %q", trust, ours)
	}
	if !ok {
		return auth.Refuse(auth.CertificateIdentity, "it names the trust domain and no workload")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return auth.Refuse(auth.CertificateIdentity, "its path has the segment %q", segment)
		}
		if strings.Trim(segment, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != "" {
			return auth.Refuse(auth.CertificateIdentity, "its path has a character that no SPIFFE ID has")
		}
	}
	return nil
}
