package jwt_test

import (
	"strings"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/tenant"
)

func TestIssuerAndAudienceChooseTheTenant(t *testing.T) {
	shared, own := authtest.New("https://id.example"), authtest.New("https://id.globex.example")
	acme := shared.Settings(t, "acme")
	acme.Audience = "acme-chat"
	initech := acme
	initech.Tenant, initech.Audience = tenant.MustParse("initech"), "initech-chat"
	hooli := acme
	hooli.Tenant, hooli.Audience, hooli.AudienceClaim = tenant.MustParse("hooli"), "acme-chat", "client_id"
	globex := own.Settings(t, "globex")
	globex.Audience = "acme-chat" // the same text as acme's, and nothing to do with it
	v := verifier(t, acme, initech, hooli, globex)

	tests := []struct {
		name   string
		token  string
		tenant string
		want   auth.Reason
	}{
		{"acme's audience", shared.Token("ana", authtest.Claims{"aud": "acme-chat"}), "acme", ""},
		{"initech's audience", shared.Token("ana", authtest.Claims{"aud": "initech-chat"}), "initech", ""},
		{"globex's issuer with the same audience", own.Token("ana", authtest.Claims{"aud": "acme-chat"}), "globex", ""},
		{"hooli's client, for nobody in aud", shared.Token("ana", authtest.Claims{"aud": "account", "client_id": "acme-chat"}), "hooli", ""},
		{"acme's audience among others", shared.Token("ana", authtest.Claims{"aud": []string{"account", "acme-chat", "acme-chat"}}), "acme", ""},
		{"two tenants' audiences", shared.Token("ana", authtest.Claims{"aud": []string{"acme-chat", "initech-chat"}}), "", auth.BadAudience},
		{"two tenants' audiences, the other way round",
			shared.Token("ana", authtest.Claims{"aud": []string{"initech-chat", "acme-chat"}}), "", auth.BadAudience},
		{"two tenants' audiences in two claims",
			shared.Token("ana", authtest.Claims{"aud": "initech-chat", "client_id": "acme-chat"}), "", auth.BadAudience},
		{"tenant B's audience from tenant A's issuer", own.Token("ana", authtest.Claims{"aud": "initech-chat"}), "", auth.BadAudience},
		{"tenant A's issuer, signed by B's", signedBy(own, shared).Token("ana", authtest.Claims{"aud": "acme-chat"}), "", auth.UnknownKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := verify(v, tt.token)
			if got := auth.ReasonOf(err); got != tt.want {
				t.Fatalf("got %v, %v; want reason %q", p, err, tt.want)
			}
			if err == nil && p.Tenant.String() != tt.tenant {
				t.Errorf("got tenant %s, want %s", p.Tenant, tt.tenant)
			}
		})
	}
}

// signedBy returns an issuer that says it is as, and signs with signer's key.
func signedBy(signer, as *authtest.Issuer) *authtest.Issuer {
	forged := *signer
	forged.URL = as.URL
	return &forged
}

// Two issuers whose keys have one name (CVE-2026-49998): each signs for itself alone, in whatever order they are configured.
func TestOneKidAtTwoIssuers(t *testing.T) {
	a, b := authtest.New("https://a.example"), authtest.New("https://b.example")
	a.KeyID, b.KeyID = "2026-01", "2026-01"
	for name, order := range map[string][]jwt.Issuer{
		"a first": {a.Settings(t, "acme"), b.Settings(t, "globex")},
		"b first": {b.Settings(t, "globex"), a.Settings(t, "acme")},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, order...)
			for i, tenant := range map[*authtest.Issuer]string{a: "acme", b: "globex"} {
				if p, err := verify(v, i.Token("ana")); err != nil || p.Tenant.String() != tenant {
					t.Errorf("%s: got %v, %v; want tenant %s", i.URL, p, err, tenant)
				}
			}
			refused(t, v, signedBy(a, b).Token("ana"), auth.BadSignature)
			refused(t, v, signedBy(b, a).Token("ana"), auth.BadSignature)
		})
	}
}

// Users of two issuers in one tenant are different users, whatever their subjects are.
func TestNobodyIsAnotherIssuersUser(t *testing.T) {
	first, partner, agency := authtest.New("https://id.example"), authtest.New("https://partner.example"), authtest.New("https://agency.example")
	settings := []jwt.Issuer{first.Settings(t, "acme"), partner.Settings(t, "acme"), agency.Settings(t, "acme")}
	settings[1].Prefix, settings[2].Prefix = "partner|", "agency|"
	elsewhere := authtest.New("https://id.globex.example")
	v := verifier(t, append(settings, elsewhere.Settings(t, "globex"))...)

	tests := []struct {
		issuer *authtest.Issuer
		sub    string
		user   string // empty for a refusal
	}{
		{first, "ana", "ana"},
		{partner, "ana", "partner|ana"},
		{agency, "ana", "agency|ana"},
		{partner, "agency|ana", "partner|agency|ana"},
		{partner, "cert|ana", "partner|cert|ana"},
		{first, "partner", "partner"},
		{first, "Partner|ana", "Partner|ana"},
		{first, "partner|ana", ""},
		{first, "partner|", ""},
		{first, "agency|ana", ""},
		{first, "cert|ana", ""},
		{first, "cert|", ""},
		{elsewhere, "partner|ana", "partner|ana"}, // another tenant, where no such prefix is
	}
	users := make(map[string]string)
	for _, tt := range tests {
		t.Run(tt.issuer.URL+" "+tt.sub, func(t *testing.T) {
			p, err := verify(v, tt.issuer.Token(tt.sub))
			if tt.user == "" {
				if auth.ReasonOf(err) != auth.BadSubject {
					t.Errorf("got %v, %v; want reason %s", p, err, auth.BadSubject)
				}
				return
			}
			if err != nil || p.User != tt.user {
				t.Fatalf("got %v, %v; want user %s", p, err, tt.user)
			}
			key := p.Tenant.String() + " " + p.User
			if other := users[key]; other != "" {
				t.Errorf("%s is a user of %s and of %s", key, other, tt.issuer.URL)
			}
			users[key] = tt.issuer.URL
		})
	}
}

// Each tenant's narrower settings count for its own tokens, though the issuer is shared.
func TestATenantsOwnSettingsCount(t *testing.T) {
	shared := authtest.New("https://id.example")
	wide := shared.Settings(t, "acme")
	wide.Audience, wide.Algorithms = "acme-chat", nil
	narrow := wide
	narrow.Tenant, narrow.Audience, narrow.Algorithms, narrow.Types = tenant.MustParse("globex"), "globex-chat", []string{"RS256"}, []string{"at+jwt"}
	v := verifier(t, wide, narrow)
	if _, err := verify(v, shared.Token("ana", authtest.Claims{"aud": "acme-chat"})); err != nil {
		t.Error(err)
	}
	refused(t, v, shared.Token("ana", authtest.Claims{"aud": "globex-chat"}), auth.AlgNotAllowed)
	narrow.Algorithms = nil
	v = verifier(t, wide, narrow)
	refused(t, v, shared.Sign(authtest.Claims{"typ": "JWT"}, claims(authtest.Claims{"iss": shared.URL, "aud": "globex-chat"})), auth.TokenType)
}

func TestATenantMayTakeTwoAudiencesOfOneIssuer(t *testing.T) {
	shared := authtest.New("https://id.example")
	web := shared.Settings(t, "acme")
	web.Audience = "web"
	app := web
	app.Audience, app.RolesClaim = "app", "groups"
	v := verifier(t, web, app)
	for name, aud := range map[string]any{
		"web": "web", "app": "app", "both": []string{"web", "app"}, "both, the other way round": []string{"app", "web"},
	} {
		p, err := verify(v, shared.Token("ana", authtest.Claims{"aud": aud, "roles": []string{name}, "groups": []string{"app"}}))
		if err != nil || p.User != "ana" || p.Roles[0] != name {
			t.Errorf("aud %v: got %v, %v; want role %s", aud, p, err, name)
		}
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	good := authtest.New("https://id.example")
	base := good.Settings(t, "acme")
	other := authtest.New("https://partner.example").Settings(t, "acme")
	edit := func(i jwt.Issuer, change func(*jwt.Issuer)) jwt.Issuer { change(&i); return i }
	tests := []struct {
		name    string
		issuers []jwt.Issuer
		want    string
	}{
		{"no tenant", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Tenant = tenant.ID{} })}, "no tenant"},
		{"no issuer", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Issuer = "" })}, "issuer is empty"},
		{"no audience", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Audience = "" })}, "audience is empty"},
		{"no keys", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Keys = nil })}, "no keys"},
		{"HS256", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Algorithms = []string{"ES256", "HS256"} })}, `algorithm "HS256"`},
		{"none", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Algorithms = []string{"none"} })}, `algorithm "none"`},
		{"ES512", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Algorithms = []string{"ES512"} })}, `algorithm "ES512"`},
		{"an empty algorithm", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Algorithms = []string{""} })}, `algorithm ""`},
		{"a negative lifetime", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.MaxLifetime = -2 })}, "lifetime"},
		{"a negative leeway", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Leeway = -1 })}, "leeway"},
		{"a broken pointer", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.RolesClaim = "/a~b" })}, "roles_claim"},
		{"a prefix that is a certificate's", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Prefix = "cert|" })}, "certificates"},
		{"a prefix that a certificate's begins with", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Prefix = "ce" })}, "certificates"},
		{"a prefix that begins with a certificate's", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Prefix = "cert|a" })}, "certificates"},
		{"a prefix with a control character", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Prefix = "a\n" })}, "control character"},
		{"a long prefix", []jwt.Issuer{edit(base, func(i *jwt.Issuer) { i.Prefix = strings.Repeat("p", 65) })}, "65 bytes"},
		{"a second issuer without a prefix", []jwt.Issuer{base, other}, "needs one"},
		{"one prefix twice", []jwt.Issuer{
			edit(base, func(i *jwt.Issuer) { i.Prefix = "p|" }), edit(other, func(i *jwt.Issuer) { i.Prefix = "p|" }),
		}, "begin alike"},
		{"a prefix of a prefix", []jwt.Issuer{
			edit(base, func(i *jwt.Issuer) { i.Prefix = "p|q|" }), edit(other, func(i *jwt.Issuer) { i.Prefix = "p|" }),
		}, "begin alike"},
		{"two prefixes for one issuer", []jwt.Issuer{
			base, edit(base, func(i *jwt.Issuer) { i.Audience, i.Prefix = "app", "p|" }),
		}, "must be one user"},
		{"two tenants, one choice", []jwt.Issuer{
			base, edit(base, func(i *jwt.Issuer) { i.Tenant = tenant.MustParse("globex") }),
		}, "tenants acme and globex"},
		{"two entries, one choice", []jwt.Issuer{base, edit(base, func(i *jwt.Issuer) { i.AudienceClaim = "aud" })}, "must choose"},
		{"keys of one issuer from two places", []jwt.Issuer{
			base, edit(base, func(i *jwt.Issuer) { i.Audience, i.Keys = "app", other.Keys }),
		}, "different places"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := jwt.NewVerifier(tt.issuers, auth.NewSlots(1))
			if err == nil || v != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
	t.Run("all problems at once", func(t *testing.T) {
		_, err := jwt.NewVerifier([]jwt.Issuer{{}, edit(base, func(i *jwt.Issuer) { i.Audience = "" }), base, other}, auth.NewSlots(1))
		for _, want := range []string{"issuers[0]", "issuers[1]", "needs one"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error with %q", err, want)
			}
		}
	})
}

func TestES384MayBeChosen(t *testing.T) {
	acme := authtest.NewWith(url, "ES384")
	settings := acme.Settings(t, "acme")
	if p, err := verify(verifier(t, settings), acme.Token("ana")); err != nil || p.User != "ana" {
		t.Errorf("got %v, %v; want ana", p, err)
	}
	settings.Algorithms = nil
	refused(t, verifier(t, settings), acme.Token("ana"), auth.AlgNotAllowed)
}
