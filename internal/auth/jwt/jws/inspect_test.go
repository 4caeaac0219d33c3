package jws_test

import (
	"slices"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/jws"
)

func TestInspectShowsWhatReadRefuses(t *testing.T) {
	tests := []struct {
		name, token string
		header      string
		claims      string
		want        []auth.Reason
	}{
		{"nothing wrong", token(header, claims), header, claims, nil},
		{"something in every part", token(`{"alg":"ES256","crit":[]}`, with(`"SUB":1`)) + "l", `{"alg":"ES256","crit":[]}`, with(`"SUB":1`),
			[]auth.Reason{auth.CriticalHeader, auth.DuplicateMember, auth.TokenMalformed}},
		{"claims that are not JSON", token(header, "hello"), header, "", []auth.Reason{auth.TokenMalformed}},
		{"no token", "hello", "", "", []auth.Reason{auth.TokenMalformed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := jws.Inspect(tt.token)
			if string(i.Header) != tt.header || string(i.Claims) != tt.claims {
				t.Errorf("got %s and %s, want %s and %s", i.Header, i.Claims, tt.header, tt.claims)
			}
			var got []auth.Reason
			for _, finding := range i.Findings {
				got = append(got, auth.ReasonOf(finding))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got findings %q, want %q", got, tt.want)
			}
		})
	}
}
