package blackbox_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/auth/authtest"
)

// identity is what whoami says.
func (g *gateway) identity(t *testing.T, l *line, headers ...string) entry {
	t.Helper()
	a := g.tell(t, l, g.get("/v1/whoami", headers...))
	var who entry
	if err := a.into(&who); err != nil || a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s, %v, %v, want 200, JSON and no-store", a.status, a.body, a.header, err)
	}
	return who
}

func (e entry) says(t *testing.T, want entry) {
	t.Helper()
	for k, v := range want {
		if mustJSON(e[k]) != mustJSON(v) {
			t.Errorf("%s is %s, want %s", k, mustJSON(e[k]), mustJSON(v))
		}
	}
	if got, want := slices.Sorted(maps.Keys(e)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// Whoever asks is told who he is, by each way of saying it, and nothing that his own credential did not say.
func TestWhoAmI(t *testing.T) {
	g := identitiesTLS(t)
	at := now()
	own := acme.certificate(t, "sensor/1")
	token := acme.token("ana lima", roles("member", "backend"), claims{
		"iat": at, "exp": at + 60, "jti": "t-1", "sid": "s-1", "scope": "read write", "zone": "eu", "level": 7, "deep": claims{"hidden": 1},
	})
	said := entry{
		"tenant": "acme", "user": "ana lima", "segment": "ana%20lima", "method": "bearer", "issuer": acme.issuer.URL, "roles": []string{"member", "backend"},
		"scopes": []string{"read", "write"}, "claims": claims{"level": []string{"7"}, "roles": []string{"member", "backend"}, "scope": []string{"read write"}, "sid": []string{"s-1"}, "zone": []string{"eu"}},
		"token_id": "t-1", "session": "s-1", "key_id": acme.issuer.KeyID, "issued": at * 1000, "expires": (at + 61) * 1000, "manages": true,
	}
	g.identity(t, g.connect(t), bearer(token)).says(t, said)
	over := maps.Clone(said)
	over["certificate"] = fingerprint(own)
	g.identity(t, g.connect(t, trust(own)), bearer(token)).says(t, over)
	g.identity(t, g.connect(t, trust(own))).says(t, entry{
		"tenant": "acme", "user": "cert|" + sensor, "segment": "cert|spiffe%3A%2F%2Facme.example%2Fsensor%2F1", "method": "certificate", "roles": []string{}, "scopes": []string{}, "claims": claims{},
		"certificate": fingerprint(own), "issued": leafOf(t, own).NotBefore.UnixMilli(),
		"expires": leafOf(t, own).NotAfter.UnixMilli() + 30_000, "manages": false,
	})
	g.identity(t, g.connect(t), bearer(acme.tokenOf(acme.partner, "ana", claims{"iat": absent, "exp": at + 60}))).says(t, entry{
		"tenant": "acme", "user": "partner|ana", "segment": "partner|ana", "method": "bearer", "issuer": acme.partner.URL, "roles": []string{}, "scopes": []string{}, "claims": claims{},
		"key_id": acme.partner.KeyID, "expires": (at + 61) * 1000, "manages": false,
	})
}

// What is refused at the handshake is refused here, in the same words: whoami is no place to find out what is wrong with a stolen credential.
func TestWhoAmIWithoutACredentialThatCounts(t *testing.T) {
	g := identities(t)
	other := authtest.New(acme.issuer.URL)
	other.KeyID = acme.issuer.KeyID
	token := acme.token("ana")
	for _, a := range []struct {
		name    string
		want    refusal
		headers []string
	}{
		{"nothing", noCredentials, nil},
		{"a token in a subprotocol", noCredentials, []string{inProtocol(token, dialectEntry)}},
		{"a cookie", noCredentials, []string{"Cookie: token=" + token}},
		{"an expired token", expired, []string{bearer(acme.token("ana", claims{"exp": now() - 5}))}},
		{"a forged one", unbelieved("bad_signature"), []string{bearer(secret(other.Sign(nil, acme.claims())))}},
		{"another tenant's audience", unbelieved("bad_audience"), []string{bearer(acme.token("ana", claims{"aud": globex.audience}))}},
		{"a logout token", unbelieved("token_type"), []string{bearer(acme.logoutToken(claims{"sub": "ana", "aud": acme.audience}))}},
		{"a token with a proof", unbelieved("token_malformed"), []string{"Authorization: DPoP " + token, "DPoP: " + token}},
		{"two", badHandshake("ambiguous_credentials"), []string{bearer(token), bearer(token)}},
		{"a password", unbelieved("token_malformed"), []string{"Authorization: Basic " + secret("YW5hOnRoZSBmb3VydGggcGFzc3dvcmQ=")}},
	} {
		t.Run(a.name, func(t *testing.T) {
			got := g.denies(t, "api", a.want, func() *answer { return g.asks(t, g.get("/v1/whoami", a.headers...)) })
			if challenge := got.header.Get("WWW-Authenticate"); challenge != challengeOf(a.want) {
				t.Errorf("got WWW-Authenticate %q, want %q", challenge, challengeOf(a.want))
			}
		})
	}
	inURL := badHandshake("credential_in_url")
	g.denies(t, "api", inURL, func() *answer { return g.asks(t, g.get("/v1/whoami?access_token="+token)) })
	if a := g.asks(t, strings.Replace(g.get("/v1/whoami", bearer(token)), "GET", "POST", 1)); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d, want 405", a.status)
	}
}
