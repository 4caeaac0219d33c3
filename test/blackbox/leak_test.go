package blackbox_test

import (
	"strings"
	"testing"
)

// What looks for secrets and panics in every test finds them.
func TestTheSuiteFindsWhatMustNotBeInALog(t *testing.T) {
	token := acme.token("ana", claims{"jti": "of no gateway"})
	part := strings.Split(token, ".")[1]
	for name, log := range map[string][]string{
		"a token":            {`{"msg":"serving"}`, `{"msg":"` + token + `"}`},
		"a part of it":       {`{"msg":"` + part + `"}`},
		"a panic":            {"http: panic serving 127.0.0.1:1: x"},
		"a race":             {"WARNING: DATA RACE"},
		"a panic, contained": {`{"msg":"session panicked","event":"session.panic"}`},
	} {
		g := &gateway{log: log, ended: make(chan struct{})}
		if err := g.check(); err == nil {
			t.Errorf("%s: nothing was found", name)
		}
	}
	g := &gateway{log: []string{`{"msg":"serving"}`}, ended: make(chan struct{})}
	if err := g.check(); err != nil {
		t.Errorf("a good log: %v", err)
	}
}
