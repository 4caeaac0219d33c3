package acl

// Rule is one rule as an operator writes it, in a file or to the administrators' API. Exactly one of Allow and Deny lists actions.
type Rule struct {
	Name  string   `json:"name"` // decisions are explained by it; no two rules of a policy share one
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
	// Channels are patterns with templates. A rule about manage has none, every other rule at least one.
	Channels []string `json:"channels,omitempty"`
	For      *Match   `json:"for,omitempty"`    // whom the rule is about; nil is everybody
	Unless   *Match   `json:"unless,omitempty"` // whom of those it leaves out; nil is nobody
}

// Match says which principals it matches: those that fit all that is given, and at least something must be.
type Match struct {
	Users  []string          `json:"users,omitempty"`  // any of them
	Roles  []string          `json:"roles,omitempty"`  // any of them
	Scopes []string          `json:"scopes,omitempty"` // any of them
	Claims map[string]string `json:"claims,omitempty"` // all of them; of a claim with several values, one must be equal
	// Certificate matches who has shown a certificate of the tenant, or, when false, who has not. Nil does not ask.
	Certificate *bool `json:"certificate,omitempty"`
}

// Problem is something that an operator must correct. All problems are told at once.
type Problem struct {
	Path    string // where, as in "rules[2].channels[0]"
	Message string // the value, the rule that it breaks and the remedy
}
