package channel

import "portcullis/internal/tenant"

// Ref is the only address of a channel. Two tenants' channels of the same name are two Refs, and no Ref is built
// by joining strings, so that no name can be made to reach another tenant.
type Ref struct {
	Tenant tenant.ID
	Name   Name
}
