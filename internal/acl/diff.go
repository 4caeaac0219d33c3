package acl

import (
	"iter"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// Change is what one principal may do by one of two policies and not by the other.
type Change struct {
	Principal *auth.Principal
	Action    Action
	Channel   channel.Name // zero for manage
	Old, New  Decision
}

// Gained reports whether the new policy allows what the old one does not; otherwise it is lost.
func (c *Change) Gained() bool { return c.New.Allowed }

// Diff puts every question that can be asked of the subjects and channels to both policies, and yields those that they answer differently: principals in their
// order, of each manage first, then channels in their order, of each the actions in the order of [Actions]. Another rule that decides the same is no difference. A nil
// policy denies everything.
func Diff(old, new *Policy, subjects []*auth.Principal, channels []channel.Name) iter.Seq[Change] {
	if old == nil {
		old = &Policy{}
	}
	if new == nil {
		new = &Policy{}
	}
	return func(yield func(Change) bool) {
		for _, pr := range subjects {
			c := Change{pr, Manage, channel.Name{}, old.DecideManage(pr), new.DecideManage(pr)}
			if c.Old.Allowed != c.New.Allowed && !yield(c) {
				return
			}
			for _, name := range channels {
				for _, a := range Actions {
					if a == Manage {
						continue
					}
					c := Change{pr, a, name, old.Decide(pr, a, name), new.Decide(pr, a, name)}
					if c.Old.Allowed != c.New.Allowed && !yield(c) {
						return
					}
				}
			}
		}
	}
}
