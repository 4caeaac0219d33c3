package blackbox_test

import (
	"strings"
	"testing"
)

func TestAnOriginThatIsNotTheTenants(t *testing.T) {
	g := plain(t)
	token := bearer(acme.token("ana"))
	var attacks []attack
	host := strings.TrimPrefix(acme.origin, "https://")
	for _, origin := range []string{
		"https://evil.example", globex.origin, "null", "*", "",
		"http://" + host, "wss://" + host, host, "//" + host, "HTTPS://" + host,
		acme.origin + ":443", acme.origin + ":8443", acme.origin + ":", acme.origin + "/", acme.origin + ".", acme.origin + "/page",
		"https://" + strings.ToUpper(host), "https://APP.acme.example",
		acme.origin + ".evil.example", "https://evil.example/" + acme.origin, "https://x." + host, "https://x" + host, "https://acme.example",
		"https://" + host + "@evil.example", "https://evil.example#" + host, acme.origin + "%00", acme.origin + "\u00a0",
		acme.origin + " " + acme.origin, acme.origin + ", " + acme.origin, acme.origin + ",https://evil.example", "null " + acme.origin,
	} {
		attacks = append(attacks, attack{"is " + origin, wrongOrigin, []string{token, "Origin: " + origin}})
	}
	attacks = append(attacks,
		attack{"the tenant's and another", wrongOrigin, []string{token, "Origin: " + acme.origin, "Origin: https://evil.example"}},
		attack{"another and the tenant's", wrongOrigin, []string{token, "Origin: https://evil.example", "Origin: " + acme.origin}},
		attack{"the tenant's twice", wrongOrigin, []string{token, "Origin: " + acme.origin, "Origin: " + acme.origin}},
		attack{"the tenant's and an empty one", wrongOrigin, []string{token, "Origin: " + acme.origin, "Origin:"}},
		attack{"the tenant's, to another tenant", wrongOrigin, []string{bearer(globex.token("ana")), "Origin: " + acme.origin}},
		// Who may not come in at all does not learn whether the page might.
		attack{"another, without a token", noCredentials, []string{"Origin: https://evil.example"}},
		attack{"another, with a forged token", unbelieved("bad_signature"), []string{bearer(forged()), "Origin: https://evil.example"}},
	)
	g.withstands(t, attacks)
}

func TestTheTenantsOwnOriginPasses(t *testing.T) {
	g := plain(t)
	for _, p := range []*party{acme, globex} {
		t.Run(p.id, func(t *testing.T) {
			token := p.token("ana")
			g.admits(t, func() *answer { return g.handshake(t, bearer(token), "Origin: "+p.origin) })
			g.admits(t, func() *answer { return g.handshake(t, inProtocol(token, dialectEntry), "origin: "+p.origin) })
			g.admits(t, func() *answer { return g.handshake(t, bearer(token)) }) // no browser
		})
	}
}
