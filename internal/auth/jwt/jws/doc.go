// Package jws reads signed tokens (RFC 7515, RFC 7519) strictly, before anybody believes them.
//
// It stands in front of golang-jwt, whose parser accepts duplicate and case-variant members, an unknown crit, line breaks in the
// signature, exp: 9e18 and more. What [Read] accepts has one meaning: every byte of the token is accounted for, and any correct
// reader of JSON finds the same header and the same claims in it.
//
// Nothing here is cryptography. A [Token] that was read is still a stranger's word.
package jws
