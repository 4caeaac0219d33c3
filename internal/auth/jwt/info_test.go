package jwt_test

import (
	"strings"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
)

// What others see of a user is one claim, whatever is in it: as JSON, without line breaks, and not more than others can be made to read.
func TestWhatOthersSeeOfAUser(t *testing.T) {
	acme := authtest.New(url)
	fits := strings.Repeat("x", auth.MaxInfo-2)
	tests := []struct {
		name, claim, claims, want string
	}{
		{"no claim is chosen", "", `"profile":{"name":"Ana"}`, ""},
		{"an object", "profile", `"profile":{"name":"Ana","tags":[1,null]}`, `{"name":"Ana","tags":[1,null]}`},
		{"a text", "name", `"name":"Ana"`, `"Ana"`},
		{"a number", "name", `"name":1.50e1`, `1.50e1`},
		{"where a pointer points", "/profile/public", `"profile":{"public":true,"mail":"ana@acme.example"}`, `true`},
		{"white space and line breaks are the token's", "profile", "\"profile\":{ \"a\" :\r\n\t[1 , 2]\n}", `{"a":[1,2]}`},
		{"control characters stay written out", "name", `"name":"\u0000\n\u2028\u001b[2J"`, `"\u0000\n\u2028\u001b[2J"`},
		{"as much as fits", "name", `"name":"` + fits + `"`, `"` + fits + `"`},
		{"one byte more", "name", `"name":"` + fits + `x"`, ""},
		{"null", "name", `"name":null`, ""},
		{"nothing", "name", `"other":1`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := acme.Settings(t, "acme")
			settings.PresenceClaim, settings.MaxLifetime = tt.claim, -1
			token := acme.SignText(`{"alg":"ES256","kid":"`+acme.KeyID+`"}`, `{"iss":"`+url+`","sub":"ana","aud":"portcullis","exp":4102444800,`+tt.claims+`}`)
			p, err := verify(verifier(t, settings), token)
			if err != nil || p.Info != tt.want {
				t.Errorf("got %v, info %.80s; want %.80s", err, p.Info, tt.want)
			}
		})
	}
}
