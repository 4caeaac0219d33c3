package jws

import "crypto/sha256"

// Confirmation is what a token's holder must show that it possesses (cnf, RFC 7800). A token without one counts for whoever has it.
type Confirmation struct {
	There bool
	// Certificate is the SHA-256 of the client certificate (x5t#S256, RFC 8705, section 3.1), 32 bytes; empty when the token does not ask for one.
	Certificate string
	// Key is the thumbprint of the key that signs DPoP proofs (jkt, RFC 9449, section 6.1), as it stands in the token; empty when it does not ask for one.
	Key string
	// Unknown says that it asks for something that is not known here, or cannot be read. Such a token counts for nobody.
	Unknown bool
}

func readConfirmation(all object) (c Confirmation) {
	v, ok := all.lookup("cnf")
	if !ok {
		return c
	}
	c.There = true
	if !v.IsObject() {
		c.Unknown = true
		return c
	}
	for quoted, value := range v.members() {
		name, _ := quoted.Text()
		text, sum := thumbprint(value)
		switch {
		case name == "x5t#S256" && sum != "":
			c.Certificate = sum
		case name == "jkt" && sum != "":
			c.Key = text
		default:
			c.Unknown = true
		}
	}
	if c.Certificate == "" && c.Key == "" {
		c.Unknown = true
	}
	return c
}

// thumbprint reads a SHA-256 in base64url, as text and as its bytes; both are empty when it is none.
func thumbprint(v Value) (text, sum string) {
	text, ok := v.Text()
	if !ok {
		return "", ""
	}
	bytes, err := encoding.DecodeString(text)
	if err != nil || len(bytes) != sha256.Size || len(text) != encoding.EncodedLen(sha256.Size) {
		return "", ""
	}
	return text, string(bytes)
}
