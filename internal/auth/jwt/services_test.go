package jwt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/tenant"
)

// service is an identity service as it is: the header and claims of an access token of its, and the settings that take it.
type service struct {
	name     string
	header   string // KID stands for the key's id
	claims   string // NOW, PAST and LATER stand for times
	settings jwt.Issuer
	kid      string

	user   string
	roles  []string
	scopes []string
	claim  auth.Claim // one of those that a rule can name
}

var services = []service{
	{
		name:   "Keycloak",
		header: `{"alg":"RS256","typ":"JWT","kid":"KID"}`,
		kid:    "7yrJkH2nX8m1b0cQeT4vPZsKf6dGxWqLhA5uRjN3oIY",
		claims: `{"exp":LATER,"iat":NOW,"auth_time":PAST,"jti":"onrtac:5f0c6f5e-8a4b-4b52-9d4c-0f4b1c7c5a11",
			"iss":"https://sso.acme.example/realms/acme","aud":["portcullis","account"],"sub":"0f3c9f0a-52a3-4d2e-b1a7-7d0e6f1c2b3a","typ":"Bearer",
			"azp":"web","sid":"d3b1a1d0-11f1-4b43-8f8e-3a4b7c9d0e1f","acr":"1","allowed-origins":["https://app.acme.example"],
			"realm_access":{"roles":["offline_access","member","uma_authorization"]},
			"resource_access":{"Web":{"roles":["viewer"]},"web":{"roles":["editor"]},"account":{"roles":["manage-account","view-profile"]}},
			"scope":"openid profile email","email_verified":true,"name":"Ana Lima","preferred_username":"ana","given_name":"Ana","family_name":"Lima"}`,
		settings: jwt.Issuer{Issuer: "https://sso.acme.example/realms/acme", Audience: "portcullis", RolesClaim: "/realm_access/roles"},
		user:     "0f3c9f0a-52a3-4d2e-b1a7-7d0e6f1c2b3a",
		roles:    []string{"offline_access", "member", "uma_authorization"},
		scopes:   []string{"openid", "profile", "email"},
		claim:    auth.Claim{Name: "preferred_username", Value: "ana"},
	},
	{
		name:   "Keycloak, the roles of one client",
		header: `{"alg":"RS256","typ":"JWT","kid":"KID"}`,
		kid:    "7yrJkH2nX8m1b0cQeT4vPZsKf6dGxWqLhA5uRjN3oIY",
		claims: `{"exp":LATER,"iat":NOW,"iss":"https://sso.acme.example/realms/acme","aud":"portcullis","sub":"service-account-jobs","typ":"Bearer","azp":"jobs",
			"resource_access":{"portcullis":{"roles":["publisher"]}},"scope":"profile email","clientHost":"10.0.0.7","client_id":"jobs"}`,
		settings: jwt.Issuer{Issuer: "https://sso.acme.example/realms/acme", Audience: "portcullis", RolesClaim: "/resource_access/portcullis/roles"},
		user:     "service-account-jobs",
		roles:    []string{"publisher"},
		scopes:   []string{"profile", "email"},
		claim:    auth.Claim{Name: "client_id", Value: "jobs"},
	},
	{
		name:   "Auth0",
		header: `{"alg":"RS256","typ":"JWT","kid":"KID"}`,
		kid:    "Qk1F_NzY5MjQ0RDk3-ODhDNjYwNUEwRkM5",
		claims: `{"https://acme.example/roles":["admin","member"],"iss":"https://acme.eu.auth0.com/","sub":"auth0|65f0c1e2a3b4c5d6e7f80912",
			"aud":["https://realtime.acme.example","https://acme.eu.auth0.com/userinfo"],"iat":NOW,"exp":LATER,
			"scope":"openid profile email","azp":"k2lQm0Xo3bPz7Wc1","permissions":["publish:rooms","read:rooms"]}`,
		settings: jwt.Issuer{Issuer: "https://acme.eu.auth0.com/", Audience: "https://realtime.acme.example", RolesClaim: "https://acme.example/roles"},
		user:     "auth0|65f0c1e2a3b4c5d6e7f80912",
		roles:    []string{"admin", "member"},
		scopes:   []string{"openid", "profile", "email"},
		claim:    auth.Claim{Name: "permissions", Value: "publish:rooms"},
	},
	{
		name:   "Auth0, with its RFC 9068 profile",
		header: `{"alg":"PS256","typ":"at+jwt","kid":"KID"}`,
		kid:    "Qk1F_NzY5MjQ0RDk3-ODhDNjYwNUEwRkM5",
		claims: `{"iss":"https://acme.eu.auth0.com/","sub":"k2lQm0Xo3bPz7Wc1@clients","aud":"https://realtime.acme.example","iat":NOW,"exp":LATER,
			"jti":"mO2wFf1n0d","client_id":"k2lQm0Xo3bPz7Wc1","gty":"client-credentials"}`,
		settings: jwt.Issuer{Issuer: "https://acme.eu.auth0.com/", Audience: "https://realtime.acme.example", RolesClaim: "https://acme.example/roles"},
		user:     "k2lQm0Xo3bPz7Wc1@clients",
		claim:    auth.Claim{Name: "gty", Value: "client-credentials"},
	},
	{
		name:   "Entra ID, version 2, for a user",
		header: `{"typ":"JWT","alg":"RS256","kid":"KID"}`,
		kid:    "nOo3ZDrODXEK1jKWhXslHR_KXEg",
		claims: `{"aud":"6e74172b-be56-4843-9ff4-e66a39bb12e3","iss":"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
			"iat":NOW,"nbf":NOW,"exp":LATER,
			"aio":"AXQAi/8IAAAAtAaZLo3ChMif6KOnttRB7eBq4/DccQzjcJGxPYy/C3jDaNGxXd6wNIIVGRghNRnwJ1lOcAnNZcjvkoyrFxCttv33140RioOFJ4bCCGVu",
			"azp":"6e74172b-be56-4843-9ff4-e66a39bb12e3","azpacr":"0","name":"Ana Lima","oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474",
			"preferred_username":"ana@acme.example","rh":"0.AbcAv4j5cvGGr0GRqy180BHbR1yF2g.","roles":["Chat.Moderate"],"scp":"Chat.Read Chat.Write",
			"sid":"00300d97-2f8c-6a71-8c2e-6d3b0f3e1a52","sub":"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ","tid":"72f988bf-86f1-41af-91ab-2d7cd011db47",
			"uti":"fqiBqXLPj0eQa82S-IYFAA","ver":"2.0","xms_ftd":"zqk"}`,
		settings: jwt.Issuer{
			Issuer: "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", Audience: "6e74172b-be56-4843-9ff4-e66a39bb12e3",
		},
		user:   "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
		roles:  []string{"Chat.Moderate"},
		scopes: []string{"Chat.Read", "Chat.Write"},
		claim:  auth.Claim{Name: "oid", Value: "690222be-ff1a-4d56-abd1-7e4f7d38e474"},
	},
	{
		name:   "Entra ID, version 1, with x5t",
		header: `{"typ":"JWT","alg":"RS256","x5t":"KID","kid":"KID"}`,
		kid:    "nOo3ZDrODXEK1jKWhXslHR_KXEg",
		claims: `{"aud":"api://6e74172b-be56-4843-9ff4-e66a39bb12e3","iss":"https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/","iat":NOW,"nbf":NOW,"exp":LATER,
			"acr":"1","amr":["pwd","mfa"],"appid":"6e74172b-be56-4843-9ff4-e66a39bb12e3","appidacr":"0","ipaddr":"192.0.2.7",
			"oid":"690222be-ff1a-4d56-abd1-7e4f7d38e474","scp":"user_impersonation","sub":"l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
			"tid":"72f988bf-86f1-41af-91ab-2d7cd011db47","unique_name":"ana@acme.example","ver":"1.0"}`,
		settings: jwt.Issuer{
			Issuer: "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", Audience: "api://6e74172b-be56-4843-9ff4-e66a39bb12e3",
		},
		user:   "l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
		scopes: []string{"user_impersonation"},
		claim:  auth.Claim{Name: "amr", Value: "mfa"},
	},
	{
		name:   "Cognito",
		header: `{"kid":"KID","alg":"RS256"}`,
		kid:    "6AzBVPvWnTpAYxpi+9Hq/7vAJ3vYl8ZzaBc0d1eF2g8=",
		claims: `{"sub":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee","cognito:groups":["moderators","staff"],
			"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI","version":2,"client_id":"5l3qk2v7m1n8b9c0d4f6g7h8j9",
			"origin_jti":"aaaa-bbbb",
			"event_id":"bed3d5f2-1f3c-4a55-8c3a-111111111111","token_use":"access","scope":"aws.cognito.signin.user.admin rooms/read","auth_time":PAST,
			"exp":LATER,"iat":NOW,"jti":"cccc-dddd","username":"ana"}`,
		settings: jwt.Issuer{
			Issuer:   "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
			Audience: "5l3qk2v7m1n8b9c0d4f6g7h8j9", AudienceClaim: "client_id", RolesClaim: "cognito:groups",
		},
		user:   "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
		roles:  []string{"moderators", "staff"},
		scopes: []string{"aws.cognito.signin.user.admin", "rooms/read"},
		claim:  auth.Claim{Name: "token_use", Value: "access"},
	},
	{
		name:   "Okta",
		header: `{"kid":"KID","alg":"RS256"}`,
		kid:    "ux3Qn8cCqS1wZ_4v7mE2xY-9aBcDeFgHiJkLmNoPqRs",
		claims: `{"ver":1,"jti":"AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE","iss":"https://acme.okta.com/oauth2/default","aud":"api://realtime","iat":NOW,"exp":LATER,
			"cid":"0oa1b2c3","uid":"00u1b2c3","scp":["openid","rooms.read"],"auth_time":PAST,"sub":"ana@acme.example","groups":"Everyone"}`,
		settings: jwt.Issuer{Issuer: "https://acme.okta.com/oauth2/default", Audience: "api://realtime", RolesClaim: "groups"},
		user:     "ana@acme.example",
		roles:    []string{"Everyone"},
		scopes:   []string{"openid", "rooms.read"},
		claim:    auth.Claim{Name: "auth_time", Value: "PAST"},
	},
}

func TestTokensOfKnownServices(t *testing.T) {
	signers := map[string]*authtest.Issuer{"RS256": authtest.NewWith("", "RS256")}
	signers["PS256"] = authtest.WithKey("", "PS256", signers["RS256"].Key)
	now := time.Now().Unix()
	times := strings.NewReplacer("NOW", fmt.Sprint(now), "PAST", fmt.Sprint(now-600), "LATER", fmt.Sprint(now+3600))
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			signer := signers["RS256"]
			if strings.Contains(s.header, "PS256") {
				signer = signers["PS256"]
			}
			jwk := signer.JWK()
			jwk["kid"], jwk["alg"] = s.kid, signer.Algorithm
			s.settings.Tenant, s.settings.Keys = tenant.MustParse("acme"), keys(t, jwk)
			v := verifier(t, s.settings)
			token := signer.SignText(strings.ReplaceAll(s.header, "KID", s.kid), times.Replace(s.claims))

			p, err := verify(v, token)
			if err != nil {
				t.Fatal(err)
			}
			if p.User != s.user || !slices.Equal(p.Roles, s.roles) || !slices.Equal(p.Scopes, s.scopes) {
				t.Errorf("got user %q, roles %q, scopes %q; want %q, %q, %q", p.User, p.Roles, p.Scopes, s.user, s.roles, s.scopes)
			}
			want := auth.Claim{Name: s.claim.Name, Value: times.Replace(s.claim.Value)}
			if got := p.Claim(want.Name); !slices.Contains(got, want) {
				t.Errorf("got %v for claim %s, want %q", got, want.Name, want.Value)
			}
			if p.Issuer != s.settings.Issuer || p.Segment == "" || !p.Expires.Equal(time.Unix(now+3600, 0).Add(jwt.DefaultLeeway)) {
				t.Errorf("got issuer %q, segment %q, expires %v", p.Issuer, p.Segment, p.Expires)
			}
		})
	}
}

// Cognito's ID token has the client's id in aud and no client_id: it gives no access.
func TestCognitosIDTokenGivesNoAccess(t *testing.T) {
	cognito := authtest.New("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI")
	settings := cognito.Settings(t, "acme")
	settings.Audience, settings.AudienceClaim = "5l3qk2v7m1n8", "client_id"
	refused(t, verifier(t, settings), cognito.Token("ana", authtest.Claims{"aud": "5l3qk2v7m1n8", "token_use": "id"}), auth.BadAudience)
}

// Keys as the services publish them: with certificates, thumbprints, keys for encryption, and members of their own.
func TestKeySetsOfKnownServices(t *testing.T) {
	rsa := authtest.NewWith("https://id.example", "RS256")
	jwk := rsa.JWK()
	more := map[string]authtest.Claims{
		"Entra ID": {
			"x5t": "nOo3ZDrODXEK1jKWhXslHR_KXEg", "x5c": []string{"not a certificate"}, "alg": authtest.Absent,
			"issuer": "https://login.microsoftonline.com/x/v2.0",
		},
		"Auth0":    {"x5t": "QUJD", "x5c": []string{"not a certificate"}},
		"Keycloak": {"x5t#S256": "QUJD", "x5c": []string{"not a certificate"}},
		"Cognito":  {},
	}
	for name, members := range more {
		t.Run(name, func(t *testing.T) {
			signing := authtest.Claims{}
			for member, v := range jwk {
				signing[member] = v
			}
			for member, v := range members {
				signing[member] = v
			}
			encrypting := rsa.JWK()
			encrypting["kid"], encrypting["use"], encrypting["alg"] = "enc-1", "enc", "RSA-OAEP"
			set, err := jwks.Parse(authtest.KeySet(encrypting, signing))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := set.Lookup(rsa.KeyID, "RS256"); err != nil || set.Len() != 1 {
				t.Errorf("got %d keys, %v; want 1", set.Len(), err)
			}
		})
	}
}
