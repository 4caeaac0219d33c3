// Package jwks holds the public keys of issuers (RFC 7517): it reads key sets, keeps them fresh from a file or a URL, and
// writes them.
//
// A [Set] belongs to one issuer. There is no pool of keys: a key id means something only next to the issuer whose set it stands in, so
// that no issuer can sign for another by choosing its key's name.
package jwks
