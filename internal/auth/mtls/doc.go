// Package mtls verifies the certificate that a client showed to TLS: whose authority issued it, for what, for how long, and whom it names.
//
// TLS proved that the client has the certificate's key, and nothing else; on a resumed session it did so earlier. So every connection's chain comes
// through here, at its own time.
//
// A chain belongs to the one tenant whose authorities file holds an issuer in it, found by key id; it is then verified against that tenant's
// authorities alone. No tenant's authority is ever tried for another's client, so an authority can only make users of its own tenant,
// whatever it writes into what it issues. What an authority takes back again is in crl, whose tests are here: they ask about chains.
package mtls
