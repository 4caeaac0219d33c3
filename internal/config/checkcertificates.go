package config

import (
	"fmt"
	"strings"
)

// checkCertificates looks at how a tenant's certificates name users, and at how they are revoked.
func (t *Tenant) checkCertificates(add func(Problem)) {
	c := t.Certificates
	if c == nil || !t.isMapping("certificates") {
		return
	}
	const path = "certificates.trust_domain"
	switch has, spiffe := t.has(path), c.Identity == "spiffe"; {
	case spiffe && !has:
		add(t.Problem(path, "is missing; with identity spiffe it says whose workloads may come, like prod.acme.example"))
	case !spiffe && has:
		add(t.Problem(path, "is for identity spiffe, and identity is %s; remove it, or make identity spiffe", c.Identity))
	case spiffe && c.TrustDomain != "" && !trustDomain(c.TrustDomain):
		add(t.Problem(path, "%q is no trust domain; write 1 to 255 of a-z, 0-9, . - and _ without scheme, port or path, like prod.acme.example", c.TrustDomain))
	}
	seen := make(map[File]bool)
	for i, file := range c.RevocationLists {
		if file == "" {
			continue
		}
		if seen[file] {
			add(t.Problem(fmt.Sprintf("certificates.revocation_lists[%d]", i), "%q is there twice; remove one of the two", file))
		}
		seen[file] = true
	}
}

// trustDomain reports whether s can be the trust domain of a SPIFFE ID (SPIFFE-ID, section 2.1).
func trustDomain(s string) bool {
	return len(s) <= 255 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}
