package jwt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/channel"
)

func details(entries ...string) string {
	return `"authorization_details":[` + strings.Join(entries, ",") + `]`
}

const ours = `{"type":"portcullis_channel","actions":["subscribe","history"],"channels":["room:*"]}`

// textToken signs claims with a member as it stands, so that a test may write what no encoder would.
func textToken(acme *authtest.Issuer, member string) string {
	return acme.SignText(`{"alg":"ES256","kid":"`+acme.KeyID+`"}`,
		fmt.Sprintf(`{"iss":%q,"sub":"ana","aud":"portcullis","exp":4102444800,%s}`, url, member))
}

func granting(t *testing.T) (*authtest.Issuer, *jwt.Verifier) {
	acme := authtest.New(url)
	settings := acme.Settings(t, "acme")
	settings.MaxLifetime = jwt.Unlimited
	return acme, verifier(t, settings)
}

func TestWhatATokenIsNarrowedTo(t *testing.T) {
	acme, v := granting(t)
	const elsewhere = `{"type":"portcullis_channel","actions":["publish"],"channels":["**"],"locations":["https://other.example"]}`
	for _, tt := range []struct {
		name, member string
		want         []string // action and channel that are covered; nil is a token that is not narrowed
	}{
		{"no entries", details(), nil},
		{"nothing in their place", `"authorization_details":null`, nil},
		{"entries of other types alone", details(`{"type":"payment","amount":{"currency":"EUR"},"actions":7}`, `{"type":"Portcullis_channel"}`), nil},
		{"one entry", details(ours), []string{"subscribe room:1", "history room:1"}},
		{"between others", details(`{"type":"payment"}`, ours, `{"type":"x"}`), []string{"subscribe room:1", "history room:1"}},
		{"two entries", details(ours, `{"type":"portcullis_channel","actions":["publish","publish"],"channels":["room:2","lab:**"]}`),
			[]string{"subscribe room:1", "history room:1", "publish room:2", "publish lab:a:b"}},
		{"manage", details(`{"actions":["manage"],"type":"portcullis_channel"}`), []string{"manage "}},
		{"for this audience among others", details(`{"type":"portcullis_channel","actions":["publish"],"channels":["room:2"],"locations":["https://other.example","portcullis"]}`),
			[]string{"publish room:2"}},
		{"for elsewhere and for here", details(elsewhere, ours), []string{"subscribe room:1", "history room:1"}},
		{"for elsewhere alone", details(elsewhere), []string{}},
		{"with escapes", details(`{"type":"portcullis\u005fchannel","\u0061ctions":["publish"],"channels":["room:\u0032"]}`), []string{"publish room:2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := verify(v, textToken(acme, tt.member))
			if err != nil {
				t.Fatal(err)
			}
			if (p.Grants == nil) != (tt.want == nil) {
				t.Fatalf("got %+v, want %q", p.Grants, tt.want)
			}
			if tt.want == nil {
				return
			}
			covered := []string{}
			for _, on := range []string{"room:1", "room:2", "lab:a:b", ""} {
				name, _ := channel.Parse(on)
				for _, action := range auth.GrantActions {
					if (action == auth.OnTenant) == (on == "") && p.Grants.Cover(action, name) {
						covered = append(covered, action+" "+on)
					}
				}
			}
			for _, want := range tt.want {
				if !slices.Contains(covered, want) {
					t.Errorf("got %q, want %q among them", covered, want)
				}
			}
			if len(tt.want) == 0 && len(covered) != 0 {
				t.Errorf("got %q, want nothing", covered)
			}
		})
	}
}

// Each of these would be wider than its issuer meant it if what is not understood were left out.
func TestAGrantThatIsNotUnderstoodRefusesTheToken(t *testing.T) {
	acme, v := granting(t)
	entry := func(members string) string { return details(`{"type":"portcullis_channel",` + members + `}`) }
	many := func(n int, entry string) string { return details(slices.Repeat([]string{entry}, n)...) }
	for name, member := range map[string]string{
		"no list":                        `"authorization_details":` + ours,
		"a text":                         `"authorization_details":"portcullis_channel"`,
		"an entry that is a text":        details(`"portcullis_channel"`),
		"an entry without a type":        details(`{"actions":["publish"],"channels":["**"]}`),
		"an entry whose type is a list":  details(`{"type":["portcullis_channel"]}`),
		"an entry that is null":          details(`null`),
		"nothing but a type":             details(`{"type":"portcullis_channel"}`),
		"an unknown action":              entry(`"actions":["subscribe","write"],"channels":["room:*"]`),
		"an action in capitals":          entry(`"actions":["Subscribe"],"channels":["room:*"]`),
		"no actions":                     entry(`"channels":["room:*"]`),
		"a list of no actions":           entry(`"actions":[],"channels":["room:*"]`),
		"actions that are a text":        entry(`"actions":"subscribe","channels":["room:*"]`),
		"actions that are numbers":       entry(`"actions":[1],"channels":["room:*"]`),
		"no channels":                    entry(`"actions":["subscribe"]`),
		"a list of no channels":          entry(`"actions":["subscribe"],"channels":[]`),
		"channels that are null":         entry(`"actions":["subscribe"],"channels":null`),
		"a template, which nobody fills": entry(`"actions":["subscribe"],"channels":["user:{user}:**"]`),
		"a star inside a segment":        entry(`"actions":["subscribe"],"channels":["room*"]`),
		"** before the end":              entry(`"actions":["subscribe"],"channels":["**:x"]`),
		"a reserved channel":             entry(`"actions":["subscribe"],"channels":["$sys:**"]`),
		"an empty channel":               entry(`"actions":["subscribe"],"channels":[""]`),
		"a member that is not known":     entry(`"actions":["subscribe"],"channels":["room:*"],"privileges":["admin"]`),
		"a member in other letters":      entry(`"actions":["subscribe"],"channels":["room:*"],"Locations":["x"]`),
		"locations that are a text":      entry(`"actions":["subscribe"],"channels":["room:*"],"locations":"portcullis"`),
		"a list of no locations":         entry(`"actions":["subscribe"],"channels":["room:*"],"locations":[]`),
		"manage on channels":             entry(`"actions":["manage"],"channels":["room:*"]`),
		"manage among others":            entry(`"actions":["manage","publish"],"channels":["room:*"]`),
		"thirty-three entries":           many(33, `{"type":"portcullis_channel","actions":["echo"],"channels":["a"]}`),
		"too many channels":              many(3, `{"type":"portcullis_channel","actions":["echo"],"channels":["a"`+strings.Repeat(`,"a"`, 42)+`]}`),
		"a good one before a bad one":    details(ours, `{"type":"portcullis_channel","actions":["all"],"channels":["**"]}`),
	} {
		t.Run(name, func(t *testing.T) { refused(t, v, textToken(acme, member), auth.BadGrant) })
	}
	refused(t, v, textToken(acme, entry(`"actions":["echo"],"channels":["a"],"channels":["**"]`)), auth.DuplicateMember)
	refused(t, v, textToken(acme, details(ours)+`,"Authorization_Details":[]`), auth.DuplicateMember)
	if _, err := verify(v, textToken(acme, many(32, `{"type":"portcullis_channel","actions":["echo"],"channels":["a"]}`))); err != nil {
		t.Errorf("thirty-two entries: %v", err)
	}
	if _, err := verify(v, textToken(acme, many(2, `{"type":"portcullis_channel","actions":["echo"],"channels":["a"`+strings.Repeat(`,"a"`, 63)+`]}`))); err != nil {
		t.Errorf("128 channels: %v", err)
	}
}

// The same names mean the same at two tenants whose issuer is one: a location is an audience.
func TestAGrantForAnotherTenantsGatewayCoversNothing(t *testing.T) {
	shared := authtest.New(url)
	one, two := shared.Settings(t, "acme"), shared.Settings(t, "globex")
	two.Audience, two.Keys = "globex-edge", one.Keys
	v := verifier(t, one, two)
	room, err := channel.Parse("room:1")
	if err != nil {
		t.Fatal(err)
	}
	entry := []any{map[string]any{"type": "portcullis_channel", "actions": []string{"publish"}, "channels": []string{"**"}, "locations": []string{"globex-edge"}}}
	for audience, want := range map[string]bool{authtest.Audience: false, "globex-edge": true} {
		p, err := verify(v, shared.Token("ana", authtest.Claims{"aud": audience, "authorization_details": entry}))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Grants.Cover("publish", room); got != want {
			t.Errorf("%s: got %v, want %v", p.Tenant, got, want)
		}
	}
}
