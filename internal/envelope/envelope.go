// Package envelope knows the form of an end-to-end encrypted message: a JWE in its compact form (RFC 7516, section 7.1) whose header names the one tenant and
// channel that it is for. It holds no key, and nothing of what is inside can be read here.
package envelope

import (
	"bytes"

	"portcullis/internal/channel"
)

const (
	parts    = 5
	ivSize   = 16 // of 12 bytes in base64url
	tagSize  = 22 // of 16
	kidSize  = 43 // of 32
	mostJSON = 1024
)

// Flaw is what keeps a publication from being an envelope, and the remedy; "" is nothing. The texts are constants, so that none repeats what somebody sent.
type Flaw string

// The flaws. The first two are of publications that do not say that they are one.
const (
	Plain     Flaw = `encryption is missing; seal the data, and send "encryption":"jwe" beside it`
	Bytes     Flaw = `it has base64; send what is sealed as data, with "encryption":"jwe" beside it`
	NoText    Flaw = "data is no text; send a JWE in its compact form, as a JSON string"
	Escaped   Flaw = "data has escapes; send the JWE as it is, which needs none"
	Parts     Flaw = "data has not five parts, which a JWE in its compact form has; seal it anew"
	Header    Flaw = "the first part is not the base64url, without padding, of a JSON object of at most 1024 bytes; seal it anew"
	Members   Flaw = "the header has not exactly the members alg, enc, kid, tenant, channel and cty, each once and a text; leave out what else there is"
	Algorithm Flaw = `the header's alg is not "dir", its enc not "A256GCM" or its cty not "JWS"; seal it with these`
	Key       Flaw = "the header's kid is not 32 bytes in base64url, which are 43 characters; name the channel's key by its id"
	Tenant    Flaw = "the header's tenant is not the publisher's; seal it with a key of this tenant"
	Channel   Flaw = "the header's channel is not the one that it is published on; seal it with a key of this channel"
	Encrypted Flaw = "the second part, an encrypted key, is not empty; seal it with the channel's key itself"
	Vector    Flaw = "the third part, the initialization vector, is not 12 bytes in base64url, which are 16 characters; take 12 random bytes for each message"
	Cipher    Flaw = "the fourth part, the ciphertext, is empty, or no base64url without padding; seal it anew"
	Tag       Flaw = "the fifth part, the authentication tag, is not 16 bytes in base64url, which are 22 characters; seal it anew"
)

// Check says what keeps data, a JSON text, from being an envelope for a channel. It looks at each byte once and allocates nothing.
//
// Base64url has one spelling here: no padding, and no bits behind the last byte.
func Check(data []byte, at channel.Ref) Flaw {
	if len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' {
		return NoText
	}
	text := data[1 : len(data)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		return Escaped
	}
	var part [parts][]byte
	for i := range parts - 1 {
		end := bytes.IndexByte(text, '.')
		if end < 0 {
			return Parts
		}
		part[i], text = text[:end], text[end+1:]
	}
	if part[parts-1] = text; bytes.IndexByte(text, '.') >= 0 {
		return Parts
	}
	switch {
	case len(part[1]) > 0:
		return Encrypted
	case len(part[2]) != ivSize || !encoded(part[2]):
		return Vector
	case len(part[4]) != tagSize || !encoded(part[4]):
		return Tag
	}
	if flaw := check(part[0], at); flaw != "" {
		return flaw
	}
	if len(part[3]) == 0 || !encoded(part[3]) {
		return Cipher
	}
	return ""
}
