package auth

import (
	"slices"

	"portcullis/internal/channel"
)

// GrantActions are what a grant may list: the actions of rules. All but the last are on channels.
var GrantActions = []string{"echo", "publish", "subscribe", "history", "presence", "manage"}

// OnTenant is the action that is on the tenant and not on channels.
const OnTenant = "manage"

// Grant is one entry of type portcullis_channel in a token's authorization_details (RFC 9396, section 2): what its client asked for, and its user agreed to.
type Grant struct {
	Actions  []string
	Channels []channel.Pattern // none where the one action is [OnTenant]
}

// Grants are all that a token was granted. They narrow what the rules allow its user, and allow nothing by themselves. A principal without any (nil) is as
// free as the rules leave it; one with an empty list may do nothing.
type Grants struct{ list []Grant }

// NewGrants takes the list over: nobody changes it afterwards.
func NewGrants(list []Grant) *Grants { return &Grants{list} }

// Cover reports whether one of the grants is for the action on the channel called name; the name of [OnTenant] is the zero Name. No grants at all cover everything.
func (g *Grants) Cover(action string, name channel.Name) bool {
	if g == nil {
		return true
	}
	for i := range g.list {
		if g.list[i].covers(action, name) {
			return true
		}
	}
	return false
}

func (g *Grant) covers(action string, name channel.Name) bool {
	if !slices.Contains(g.Actions, action) {
		return false
	}
	if action == OnTenant {
		return true
	}
	for _, p := range g.Channels {
		if p.Match(name) {
			return true
		}
	}
	return false
}

// List returns the grants, which are not to be changed.
func (g *Grants) List() []Grant {
	if g == nil {
		return nil
	}
	return g.list
}
