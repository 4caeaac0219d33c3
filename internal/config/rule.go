package config

// Rule allows or denies actions on channels. It applies where for matches, everybody without one, and unless does not.
type Rule struct {
	// What logs and explanations call it. No two rules of a tenant share a name.
	Name string `yaml:"name" required:"true"`

	// Actions that it allows: echo, publish, subscribe, history and presence on channels, manage on the tenant. manage stands alone.
	// A rule has allow or deny. Excludes deny.
	Allow []string `yaml:"allow" enum:"echo,publish,subscribe,history,presence,manage" min:"1"`

	// Actions that it denies, whatever allows them: echo, publish, subscribe, history, presence, manage. Excludes allow.
	Deny []string `yaml:"deny" enum:"echo,publish,subscribe,history,presence,manage" min:"1"`

	// Patterns of channel names: * stands for one segment, a last ** for one or more; {user}, {tenant} and {claim.NAME} for one segment of
	// the user's own. Left out only where manage is the rule's one action, because that is about the tenant.
	Channels []string `yaml:"channels" min:"1"`

	// Whom it is for. Everything that is given must match. Without it the rule is for everybody.
	For *Match `yaml:"for"`

	// Whom it spares, read like for.
	Unless *Match `yaml:"unless"`
}

// Choice subscribes users to channels. It applies where for matches, everybody without one, and unless does not.
type Choice struct {
	// Channels by name, in which {user}, {tenant} and {claim.NAME} stand for one segment of the user's own, like user:{user}:inbox. Of a user who has no such value the channel is left out. * and ** are for rules.
	Channels []string `yaml:"channels" required:"true" min:"1"`

	// Whom it is for, read as in rules. Without it the choice is for everybody.
	For *Match `yaml:"for"`

	// Whom it spares, read like for.
	Unless *Match `yaml:"unless"`
}

// Match describes users. Of a list one entry is enough; all keys that are given must match.
type Match struct {
	// Users by name.
	Users []string `yaml:"users" min:"1"`

	// Roles, from the issuer's roles_claim.
	Roles []string `yaml:"roles" min:"1"`

	// Scopes, from the token's scope or scp.
	Scopes []string `yaml:"scopes" min:"1"`

	// Claims and the value that each must have, or hold where it is a list. Numbers and booleans compare as they are written.
	Claims map[string]string `yaml:"claims" min:"1"`

	// true: the user showed a client certificate, alone or beside a token. false: it did not.
	Certificate *bool `yaml:"certificate"`
}

// Test asks the rules what one user may do.
type Test struct {
	// The user that asks.
	As Subject `yaml:"as" required:"true"`

	// What must be allowed, each an action and a channel, like "publish room:1", or manage alone. A test needs allow or deny.
	Allow []string `yaml:"allow" min:"1"`

	// What must be refused, written like allow.
	Deny []string `yaml:"deny" min:"1"`
}

// Subject is a user of a test, as an issuer or a certificate would describe one.
type Subject struct {
	// The user's name, the issuer's prefix or cert| included.
	User string `yaml:"user" required:"true"`

	// Its roles.
	Roles []string `yaml:"roles"`

	// Its scopes.
	Scopes []string `yaml:"scopes"`

	// Its claims.
	Claims map[string]string `yaml:"claims"`

	// Whether it showed a client certificate. Default false.
	Certificate bool `yaml:"certificate"`
}
