package jwks

import "testing"

// FuzzDiscovery: a document that is taken is the issuer's own, and leads to an address from which keys may be fetched.
func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://id.example","jwks_uri":"https://id.example/keys"}`))
	f.Add([]byte(`{"issuer":"https://id.example","jwks_uri":"http://127.0.0.1/keys"}`))
	f.Add([]byte(`{"issuer":"https://id.example","ISSUER":"https://evil.example","jwks_uri":"https://%zz"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		u, err := parseDiscovery(text, "https://id.example")
		if err != nil {
			return
		}
		if u.Scheme != "https" || u.Host == "" || u.User != nil {
			t.Fatalf("%s leads to %v", text, u)
		}
	})
}
