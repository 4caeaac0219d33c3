package api

import (
	"portcullis/internal/acl"
	"portcullis/internal/auth/revocation"
	"portcullis/internal/gateway/door"
)

// Observers hear one after the other.
type Observers []Observer

// Decided implements [Observer].
func (o Observers) Decided(action acl.Action, d acl.Decision) {
	for _, each := range o {
		each.Decided(action, d)
	}
}

// Minted implements [Observer].
func (o Observers) Minted(c *door.Caller) {
	for _, each := range o {
		each.Minted(c)
	}
}

// Managed implements [Observer].
func (o Observers) Managed(c *door.Caller, operation, target string) {
	for _, each := range o {
		each.Managed(c, operation, target)
	}
}

// Revoked implements [Observer].
func (o Observers) Revoked(r *revocation.Revocation, s Source) {
	for _, each := range o {
		each.Revoked(r, s)
	}
}

// Notified implements [Observer].
func (o Observers) Notified(s Source, failure string) {
	for _, each := range o {
		each.Notified(s, failure)
	}
}
