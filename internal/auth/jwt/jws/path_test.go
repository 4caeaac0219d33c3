package jws_test

import (
	"slices"
	"testing"

	"portcullis/internal/auth/jwt/jws"
)

func TestPath(t *testing.T) {
	read, err := jws.Read(token(header, with(`"roles":["a"],"one":"b","https://app.example/roles":["c"],"a.b":["d"],`+
		`"realm_access":{"roles":["e","f"]},"resource_access":{"my/app~1":{"roles":["g"]}},"list":[{"n":"h"},{"n":"i"}],"":{"":"j"},"no":null`)))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path string
		want []string
	}{
		{"roles", []string{"a"}},
		{"/roles", []string{"a"}},
		{"/roles/0", []string{"a"}},
		{"one", []string{"b"}},
		{"https://app.example/roles", []string{"c"}},
		{"a.b", []string{"d"}},
		{"/realm_access/roles", []string{"e", "f"}},
		{"/realm_access/roles/1", []string{"f"}},
		{"/resource_access/my~1app~01/roles", []string{"g"}},
		{"/list/1/n", []string{"i"}},
		{"//", []string{"j"}},
		{"realm_access.roles", nil},
		{"Roles", nil},
		{"/roles/", nil},
		{"/roles/00", nil},
		{"/roles/2", nil},
		{"/roles/-", nil},
		{"/no/0", nil},
		{"/one/0", nil},
		{"/absent/roles", nil},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			path, err := jws.ParsePath(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			v, ok := path.In(&read.Claims)
			var got []string
			if ok {
				got, _ = v.Texts()
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, path := range []string{"", "/a~b", "/a~", "/~2"} {
		if got, err := jws.ParsePath(path); err == nil {
			t.Errorf("%q: got %v, want an error", path, got)
		}
	}
}
