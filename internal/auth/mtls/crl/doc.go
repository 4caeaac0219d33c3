// Package crl keeps certificate revocation lists: which certificates their authorities have taken back (RFC 5280, section 5), as it stands in files that change.
//
// A list is believed when its authority signed it, when it is a whole one, and until it runs out. What cannot be used changes nothing: the authority's last good
// list counts further, and when that has run out nobody knows, and nobody of that authority is let in.
package crl
