package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"net/url"
	"strings"

	"portcullis/internal/auth"
)

// Identity says what of a certificate is the user. It is never the subject: a common name and the order of a distinguished name's parts mean what the
// reader likes (NATS CVE-2026-33248).
type Identity string

// The identities. All but the fingerprint are the certificate's only subject alternative name of that type.
const (
	URI         Identity = "uri"
	SPIFFE      Identity = "spiffe" // the only URI, which is a SPIFFE ID of the tenant's trust domain (X.509-SVID)
	DNS         Identity = "dns"
	Email       Identity = "email"
	Fingerprint Identity = "fingerprint" // SHA-256 of the certificate, in lower-case hex
)

const (
	// maxIdentity bounds what every message of this user carries.
	maxIdentity = 255
)

// The tags of GeneralName (RFC 5280, section 4.2.1.6).
var tags = map[Identity]int{Email: 1, DNS: 2, URI: 6, SPIFFE: 6}

var subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// user returns the user that a certificate names.
func (h *holder) user(leaf *x509.Certificate) (string, error) {
	i := h.identity
	if i == Fingerprint {
		sum := sha256.Sum256(leaf.Raw)
		return auth.CertificateUsers + hex.EncodeToString(sum[:]), nil
	}
	names := alternativeNames(leaf, tags[i])
	if len(names) != 1 {
		return "", auth.Refuse(auth.CertificateIdentity, "it has %d alternative names of type %s; it must have exactly one", len(names), i)
	}
	name := i.spell(names[0])
	if i == SPIFFE {
		if err := checkSVID(leaf, names[0], h.domain); err != nil {
			return "", err
		}
		name = names[0]
	}
	if name == "" || len(name) > maxIdentity {
		return "", auth.Refuse(auth.CertificateIdentity, "its alternative name of type %s, %d bytes long, names nobody", i, len(names[0]))
	}
	return auth.CertificateUsers + name, nil
}

// alternativeNames returns the names of one type as they stand in the certificate: url.URL would spell different ones alike.
// They are ASCII: x509.ParseCertificate refuses others, and a second extension.
func alternativeNames(leaf *x509.Certificate, tag int) (names []string) {
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(subjectAltName) {
			continue
		}
		var all []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &all); err != nil || len(rest) > 0 {
			return nil
		}
		for _, n := range all {
			if n.Class == asn1.ClassContextSpecific && n.Tag == tag {
				names = append(names, string(n.Bytes))
			}
		}
	}
	return names
}

// spell gives a name its one spelling, so that nobody gets a second identity, and a second quota, by asking the authority for other
// letters. It returns "" for a name that has none or stands for many.
func (i Identity) spell(name string) string {
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	switch i {
	case URI:
		return spellURI(name)
	case DNS:
		return spellHost(name)
	case Email:
		at := strings.LastIndexByte(name, '@')
		if at < 1 || spellHost(name[at+1:]) == "" {
			return ""
		}
		return name[:at+1] + spellHost(name[at+1:])
	}
	return ""
}

// spellURI takes an absolute URI in its normal form only: lower-case scheme and host.
func spellURI(name string) string {
	u, err := url.Parse(name)
	if err != nil || !u.IsAbs() || u.Host == "" && u.Opaque == "" || u.String() != name || u.Host != strings.ToLower(u.Host) {
		return ""
	}
	return name
}

func spellHost(name string) string {
	if name == "" || strings.Contains(name, "*") || strings.HasSuffix(name, ".") {
		return ""
	}
	return strings.ToLower(name)
}
