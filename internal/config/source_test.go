package config_test

import (
	"fmt"
	"testing"

	"portcullis/internal/config"
)

// The packages above say what is wrong at a path; the operator's editor jumps there.
func TestProblemsOfThePackagesAbove(t *testing.T) {
	c, problems := config.Parse("portcullis.yaml", []byte(`listen:
  plaintext: true
tenants:
- id: acme
  issuers:
  - issuer: i
    audience: a
    jwks_file: k
- id: globex
  issuers: [{issuer: j, audience: a, jwks_file: k}]
  rules:
  - name: one
    allow: [echo]
    channels:
    - "lab:*"
    - "lab:**:x"
    for: {claims: {"https://x.example/y[0]": z, b: c}}
`))
	if config.Failed(problems) {
		t.Fatal(problems)
	}
	globex := c.Tenants[1]
	for path, want := range map[string]string{
		"":                     "9:3",
		"id":                   "9:7",
		"issuers":              "10:12",
		"issuers[0].jwks_file": "10:49",
		"rules":                "11:3",
		"rules[0]":             "12:5",
		"rules[0].name":        "12:11",
		"rules[0].allow[0]":    "13:13",
		"rules[0].channels":    "14:5",
		"rules[0].channels[1]": "16:7",
		`rules[0].for.claims["https://x.example/y[0]"]`: "17:46",
		"rules[0].for.claims.b":                         "17:52",
		// What is not there stands where it would.
		"certificates.authorities_file": "9:3",
		"issuers[0].leeway":             "10:13",
		"rules[0].unless":               "12:5",
		"rules[0].channels[7]":          "14:5",
		"rules[0].channels[1].x":        "16:7",
		"rules.x":                       "11:3",
		"[0]":                           "9:3",
		"rules[":                        "11:3",
		`rules["`:                       "11:3",
		"..":                            "9:3",
	} {
		file, line, column := globex.At(path)
		if got := fmt.Sprintf("%d:%d", line, column); got != want || file != "portcullis.yaml" {
			t.Errorf("%q is at %s %s, want portcullis.yaml %s", path, file, got, want)
		}
	}
	p := c.Problem("listen.tls", "made up %d", 1)
	if got, want := p.String(), "portcullis.yaml:1:1: listen.tls: made up 1"; got != want || p.Severity != config.Error {
		t.Errorf("got %q, want %q", got, want)
	}
	p = globex.Warning("rules[0]", "made up")
	if got, want := p.String(), "portcullis.yaml:12:5: warning: tenants[1].rules[0]: made up"; got != want || p.Severity != config.Warning {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAConfigurationThatWasMadeInAProgramHasNoPlaces(t *testing.T) {
	var tenant config.Tenant
	if got, want := tenant.Problem("rules[0]", "made up").String(), "rules[0]: made up"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
