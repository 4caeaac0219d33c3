package ticket

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/tenant"
)

// FuzzDecode: a stored text that is read has a tenant, a user and an end, and is written again as what was read.
func FuzzDecode(f *testing.F) {
	p := &auth.Principal{Tenant: tenant.MustParse("acme"), User: "ana", Expires: time.Now(), Certificate: &auth.Certificate{Links: []auth.Link{{Serial: "\xff"}}}, Grants: auth.NewGrants(nil)}
	text, err := encode(p, Origin{"https://app.acme.example", true}, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"tenant":"acme","user":"ana","grants":[{"actions":["manage"]}],"version":4}`))
	f.Add([]byte(`{"version":3}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := decode(text)
		if err != nil {
			return
		}
		if s.principal.Tenant.IsZero() || s.principal.User == "" || s.expires.IsZero() || s.principal.Expires.IsZero() {
			t.Fatalf("got %+v", s)
		}
		again, err := encode(s.principal, s.origin, s.expires)
		if err != nil {
			t.Skip("a time that JSON cannot write")
		}
		same, err := decode(again)
		if err != nil || same.origin != s.origin || same.principal.User != s.principal.User || !same.expires.Equal(s.expires) ||
			(same.principal.Grants == nil) != (s.principal.Grants == nil) || len(same.principal.Grants.List()) != len(s.principal.Grants.List()) {
			t.Fatalf("%s was written and is read as %+v, %v", again, same, err)
		}
	})
}

// FuzzForm: a text is looked up only where it is one of the 2^256 that are made, in their one spelling.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", strings.Repeat("A", 43), strings.Repeat("A", 42) + "B", strings.Repeat("A", 42) + "=", strings.Repeat("A", 43) + "\n", strings.Repeat("_", 43)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		secret, err := base64.RawURLEncoding.DecodeString(text)
		if want := err == nil && len(secret) == 32 && base64.RawURLEncoding.EncodeToString(secret) == text; wellFormed(text) != want {
			t.Fatalf("%q: got %v, want %v", text, !want, want)
		}
	})
}
