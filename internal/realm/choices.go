package realm

import (
	"reflect"
	"slices"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/tenant"
)

// Chosen returns the channels that are chosen for p and that the policy allows it. It is for comparing two snapshots: whoever subscribes p asks Decide about each.
func (t *Tenant) Chosen(p *auth.Principal) []channel.Name {
	return slices.DeleteFunc(t.Choices.Of(p), func(name channel.Name) bool { return !t.Policy.Decide(p, acl.Subscribe, name).Allowed })
}

// Choices compiles the channels that a tenant chooses for its users. It returns them or what is wrong with them, never both.
func Choices(id tenant.ID, c *config.Tenant) (*acl.Choices, []acl.Problem) {
	return acl.CompileChoices(id, ChoiceList(c))
}

// ChoiceList returns the choices as [acl.CompileChoices] takes them.
func ChoiceList(c *config.Tenant) []acl.Choice {
	list := make([]acl.Choice, len(c.Subscribe))
	for i, one := range c.Subscribe {
		list[i] = acl.Choice{Channels: one.Channels, For: matchOf(one.For), Unless: matchOf(one.Unless)}
	}
	return list
}

// choices compiles whom the tenant subscribes to what. Those that are as they were stay the same ones, so that a live connection can see that nothing changed. kept says that the tenant is configured as it was.
func (b *builder) choices(c *config.Tenant, t *Tenant, kept bool) {
	if was := b.previous.tenants[t.ID]; was != nil && reflect.DeepEqual(was.config.Subscribe, c.Subscribe) {
		t.Choices = was.Choices
	} else {
		made, problems := Choices(t.ID, c)
		for _, p := range problems {
			b.add(c.Problem(p.Path, "%s", p.Message))
		}
		t.Choices = made
	}
	if kept || t.Policy == nil {
		return
	}
	for _, p := range t.Choices.Idle(t.Policy) {
		b.add(c.Warning(p.Path, "%s", p.Message))
	}
}
