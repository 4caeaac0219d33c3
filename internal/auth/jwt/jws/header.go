package jws

import "portcullis/internal/auth"

// Header is what a token says of itself.
type Header struct {
	Algorithm string
	Type      string // empty when absent
	KeyID     string // empty when absent
}

// unusable are the header parameters that refuse a token wherever they stand, whatever their value: to ignore one would be to read
// the token otherwise than its signer meant, or to let it choose its own key.
var unusable = map[string]struct {
	reason auth.Reason
	why    string
}{
	"crit": {auth.CriticalHeader, "no extension is known here (RFC 7515, section 4.1.11)"},
	"b64":  {auth.CriticalHeader, "a payload that is not encoded is not read (RFC 7797)"},
	"zip":  {auth.TokenMalformed, "a compressed payload is not read"},
	"jwk":  {auth.EmbeddedKey, "keys come from the issuer, never from the token"},
	"jku":  {auth.EmbeddedKey, "keys come from the issuer, never from the token"},
	"x5c":  {auth.EmbeddedKey, "keys come from the issuer, never from the token"},
	"x5u":  {auth.EmbeddedKey, "keys come from the issuer, never from the token"},
}

func readHeader(members object) (Header, error) {
	var h Header
	for _, m := range members {
		if u, ok := unusable[m.Name]; ok {
			return h, auth.Refuse(u.reason, "the header has %q: %s", m.Name, u.why)
		}
	}
	var err error
	if h.Algorithm, err = headerText(members, "alg"); err != nil {
		return h, err
	}
	if h.Type, err = headerText(members, "typ"); err != nil {
		return h, err
	}
	if h.KeyID, err = headerText(members, "kid"); err != nil {
		return h, err
	}
	if h.Algorithm == "" {
		return h, auth.Refuse(auth.TokenMalformed, "the header has no alg")
	}
	if h.KeyID != "" && !plainKeyID(h.KeyID) {
		return h, auth.Refuse(auth.TokenMalformed, "kid %.64q: a key id has 1 to %d of A-Z a-z 0-9 . _ ~ = + / : -", h.KeyID, maxKeyID)
	}
	return h, nil
}

// headerText returns the text of a parameter, empty only when it is absent.
func headerText(members object, name string) (string, error) {
	v, ok := members.lookup(name)
	if !ok {
		return "", nil
	}
	if text, ok := v.Text(); ok && text != "" {
		return text, nil
	}
	return "", auth.Refuse(auth.TokenMalformed, "the header's %s is no text, or empty", name)
}

const maxKeyID = 128

// plainKeyID reports whether id has only characters that mean nothing to a log, a file system or a database's quoting, out of those
// that services use: base64 (Cognito), base64url (Entra ID, Auth0, Keycloak), and names with colons (Hydra, key ARNs).
func plainKeyID(id string) bool {
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == '~', c == '=', c == '+', c == '/', c == ':', c == '-':
		default:
			return false
		}
	}
	return len(id) <= maxKeyID
}
