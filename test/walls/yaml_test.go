package walls_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// yaml writes the world as a configuration.
func (w *world) yaml(t *testing.T) string {
	var b strings.Builder
	b.WriteString("listen: {address: \"127.0.0.1:0\", plaintext: true}\nadmin: {address: \"127.0.0.1:0\"}\nadmission: {connections_per_address: unlimited, " +
		"connections_per_second_per_address: unlimited, failures_per_minute_per_address: unlimited}\nreload: {watch: false}\ntenants:\n")
	for _, p := range w.present() {
		if p.keys == "" {
			p.keys = p.issuer.WriteJWKS(t)
		}
		fmt.Fprintf(&b, "  - id: %s\n    issuers: [{issuer: %q, audience: portcullis, jwks_file: %q}]\n    channels:\n", p.id, p.issuer.URL, p.keys)
		for _, pattern := range p.keeps {
			fmt.Fprintf(&b, "      - {match: %q, history: {messages: 1000, ttl: 1h}, presence: true%s}\n", pattern, p.encryption(pattern))
		}
		fmt.Fprintf(&b, "      - {match: %q, presence: true%s}\n", anything, p.encryption(anything))
		b.WriteString("    limits: {connections_per_second: unlimited, connections_per_user: unlimited, messages_per_second: unlimited, messages_per_second_per_user: unlimited, " +
			"messages_per_second_per_connection: unlimited, bytes_per_second: unlimited, bytes_per_second_per_connection: unlimited}\n")
		if len(p.picks) > 0 {
			b.WriteString("    subscribe:\n")
		}
		for _, r := range p.picks {
			fmt.Fprintf(&b, "      - {channels: %s%s}\n", list(r.channels), r.concerned())
		}
		b.WriteString("    rules:\n")
		for _, r := range p.rules {
			effect := "allow"
			if r.deny {
				effect = "deny"
			}
			fmt.Fprintf(&b, "      - {name: %q, %s: %s", r.name, effect, list(r.actions))
			if r.channels != nil {
				fmt.Fprintf(&b, ", channels: %s", list(r.channels))
			}
			fmt.Fprintf(&b, "%s}\n", r.concerned())
		}
	}
	return b.String()
}

// encryption is what the setting of a pattern asks for.
func (p *party) encryption(pattern string) string {
	if slices.Contains(p.vaults, pattern) {
		return ", encryption: required"
	}
	return ""
}

func list(texts []string) string { return `["` + strings.Join(texts, `", "`) + `"]` }

// concerned are the conditions of a rule.
func (r *rule) concerned() (text string) {
	switch {
	case r.roles != nil:
		text = ", for: {roles: " + list(r.roles) + "}"
	case r.users != nil:
		text = ", for: {users: " + list(r.users) + "}"
	case r.team != "":
		text = fmt.Sprintf(", for: {claims: {team: %q}}", r.team)
	}
	if r.unless != nil {
		text += ", unless: {roles: " + list(r.unless) + "}"
	}
	return text
}
