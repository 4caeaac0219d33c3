// Package auth says what a credential is, where a request may carry one, and what is known of a client once a
// verifier believed it.
//
// A [Principal] promises the rest of the house that its tenant is configured, its user is not empty, its signature,
// chain, audience, binding and times were checked, and that Expires is when all of that ends.
package auth
