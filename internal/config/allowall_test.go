package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"portcullis/internal/config"
)

// EMQX (`{allow, all}`), NATS without permissions: everything for everybody, which nobody has been told of. It is taken, with a warning that has the place and what to do.
func TestARuleThatAllowsEverythingToEverybody(t *testing.T) {
	tests := []struct{ name, rule, want string }{
		{"all channels", `{name: r, allow: [publish, subscribe], channels: ["**"]}`, `1:9: warning: rules[0]: lets everybody publish, subscribe on every channel`},
		{"all channels among others", `{name: r, allow: [history, echo], channels: ["room:*", "**"]}`, `1:9: warning: rules[0]: lets everybody history on every channel`},
		{"to manage", `{name: r, allow: [manage]}`, `1:9: warning: rules[0]: lets everybody manage the tenant`},
		{"to manage, for some", `{name: r, allow: [manage], for: {users: [backend]}}`, ""},
		{"all channels, for some", `{name: r, allow: [publish], channels: ["**"], for: {roles: [backend]}}`, ""},
		{"all channels, but for some", `{name: r, allow: [publish], channels: ["**"], unless: {roles: [guest]}}`, ""},
		{"an echo on all channels", `{name: r, allow: [echo], channels: ["**"]}`, ""},
		{"some channels", `{name: r, allow: [publish], channels: ["room:**"]}`, ""},
		{"a denial", `{name: r, deny: [publish], channels: ["**"]}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, map[string]string{
				"portcullis.yaml":   "listen: {tls: {certificate_file: c, key_file: k}}\nbroker: {state_dir: s}\ntenants_dir: tenants\n",
				"tenants/acme.yaml": "rules: [" + tt.rule + "]\nid: acme\nissuers: [{issuer: i, audience: a, jwks_file: k}]\n",
			})
			_, problems := config.Load(filepath.Join(dir, "portcullis.yaml"))
			if tt.want == "" {
				if len(problems) > 0 {
					t.Errorf("got %v, want nothing", problems)
				}
				return
			}
			if len(problems) != 1 || config.Failed(problems) {
				t.Fatalf("got %v, want one warning", problems)
			}
			if got := problems[0].String(); !strings.Contains(got, "acme.yaml:"+tt.want) || !strings.Contains(got, "for") {
				t.Errorf("got  %s\nwant %s, and what to do", got, tt.want)
			}
		})
	}
}
