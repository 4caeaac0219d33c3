package jwks_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/jwks"
)

var (
	ec   = authtest.New("https://id.example").JWK
	p384 = authtest.NewWith("https://id.example", "ES384").JWK
	p521 = authtest.NewWith("https://id.example", "ES512").JWK
	ed   = authtest.NewWith("https://id.example", "EdDSA").JWK
	rs   = authtest.NewWith("https://id.example", "RS256").JWK
)

// changed returns the key with some members replaced.
func changed(key func() authtest.Claims, members authtest.Claims) authtest.Claims {
	jwk := key()
	for name, v := range members {
		jwk[name] = v
	}
	return jwk
}

// rsaKey returns a key of so many bits that nobody can sign with; its size is all that matters.
func rsaKey(bits int, exponent int64) authtest.Claims {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	n.Add(n, big.NewInt(1))
	return authtest.Claims{
		"kty": "RSA", "kid": "k",
		"n": authtest.Segment(string(n.Bytes())), "e": authtest.Segment(string(big.NewInt(exponent).Bytes())),
	}
}

// What an issuer publishes beside its signing key must not become one.
func TestParseSkipsAKeyThatVerifiesNothing(t *testing.T) {
	tests := []struct {
		name string
		key  authtest.Claims
		want string // in the reason
	}{
		{"symmetric", authtest.Claims{"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "HS256"}, "symmetric"},
		{"symmetric, said to be ES256", authtest.Claims{"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "ES256"}, "symmetric"},
		{"with its private part", changed(ec, authtest.Claims{"d": "AAAA"}), "private part"},
		{"RSA with a prime", changed(rs, authtest.Claims{"p": "AAAA"}), "private part"},
		{"with a symmetric part", changed(rs, authtest.Claims{"k": "AAAA"}), "private part"},
		{"for encryption", changed(rs, authtest.Claims{"use": "enc"}), "use"},
		{"for encryption, by alg", changed(rs, authtest.Claims{"alg": "RSA-OAEP"}), "RSA-OAEP"},
		{"to sign only", changed(ec, authtest.Claims{"key_ops": []string{"sign"}}), "key_ops"},
		{"for nothing", changed(ec, authtest.Claims{"key_ops": []string{}}), "key_ops"},
		{"P-256 for ES384", changed(ec, authtest.Claims{"alg": "ES384"}), "ES384"},
		{"P-256 for HS256", changed(ec, authtest.Claims{"alg": "HS256"}), "HS256"},
		{"RSA for none", changed(rs, authtest.Claims{"alg": "none"}), "none"},
		{"RSA for RS512", changed(rs, authtest.Claims{"alg": "RS512"}), "RS512"},
		{"P-521", p521(), "curve P-521"},
		{"secp256k1", changed(ec, authtest.Claims{"crv": "secp256k1"}), "secp256k1"},
		{"not on its curve", changed(ec, authtest.Claims{"y": ec()["x"]}), "curve"},
		{"X25519", changed(ed, authtest.Claims{"crv": "X25519"}), "X25519"},
		{"Ed25519, one byte short", changed(ed, authtest.Claims{"x": authtest.Segment(strings.Repeat("x", 31))}), "Ed25519"},
		{"RSA of 1024 bits", rsaKey(1024, 65537), "1024 bits"},
		{"RSA of 2047 bits", rsaKey(2047, 65537), "2047 bits"},
		{"RSA of 8192 bits", rsaKey(8192, 65537), "8192 bits"},
		{"RSA with exponent 1", rsaKey(2048, 1), "e"},
		{"RSA with an even exponent", rsaKey(2048, 65536), "exponent"},
		{"RSA with a huge exponent", rsaKey(2048, 1<<40+1), "exponent"},
		{"RSA without a modulus", changed(rs, authtest.Claims{"n": authtest.Absent}), "RSA"},
		{"no kty", authtest.Claims{"kid": "k"}, "type"},
		{"of tomorrow", authtest.Claims{"kty": "AKP", "kid": "k", "alg": "ML-DSA-44", "pub": "AAAA"}, "AKP"},
		{"kid is a number", changed(ec, authtest.Claims{"kid": 7}), "number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set, err := jwks.Parse(authtest.KeySet(tt.key, changed(ec, authtest.Claims{"kid": "good"})))
			if err != nil {
				t.Fatal(err)
			}
			if set.Len() != 1 || len(set.Skipped()) != 1 || !strings.Contains(set.Skipped()[0], tt.want) {
				t.Errorf("got %d keys, skipped %q; want 1 key, and one skipped for %q", set.Len(), set.Skipped(), tt.want)
			}
			if _, err := set.Lookup("k", "ES256"); auth.ReasonOf(err) != auth.UnknownKey {
				t.Errorf("looking it up: got %v, want %s", err, auth.UnknownKey)
			}
			if _, err := jwks.Parse(authtest.KeySet(tt.key)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("alone: got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestParseRefusesADocument(t *testing.T) {
	many := make([]authtest.Claims, jwks.MaxKeys+1)
	for i := range many {
		many[i] = changed(ec, authtest.Claims{"kid": fmt.Sprint(i)})
	}
	tests := []struct {
		name     string
		document []byte
		want     string
	}{
		{"nothing", nil, "JSON"},
		{"HTML", []byte("<!doctype html><title>Sign in</title>"), "JSON"},
		{"a list", []byte("[]"), "JSON"},
		{"one key", []byte(`{"kty":"EC"}`), "no usable key"},
		{"keys in capitals", bytes.Replace(authtest.KeySet(ec()), []byte("keys"), []byte("KEYS"), 1), "no usable key"},
		{"no keys", []byte(`{"keys":[]}`), "no usable key"},
		{"null keys", []byte(`{"keys":null}`), "no usable key"},
		{"a null key", []byte(`{"keys":[null]}`), "no usable key"},
		{"keys twice", []byte(`{"keys":[],"keys":[]}`), "duplicate"},
		{"too many keys", authtest.KeySet(many...), "101 keys"},
		{"too many bytes", append(authtest.KeySet(ec()), make([]byte, jwks.MaxSize)...), "262144 bytes"},
		{"two keys of one name",
			authtest.KeySet(changed(ec, authtest.Claims{"kid": "k"}), changed(ed, authtest.Claims{"kid": "k"})), `two keys with kid "k"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if set, err := jwks.Parse(tt.document); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v; want an error with %q", set, err, tt.want)
			}
		})
	}
}

func TestAKeyForEncryptionMayShareAName(t *testing.T) {
	set, err := jwks.Parse(authtest.KeySet(changed(rs, authtest.Claims{"kid": "k", "use": "enc"}), changed(rs, authtest.Claims{"kid": "k"})))
	if err != nil || set.Len() != 1 {
		t.Errorf("got %d keys, %v; want 1", set.Len(), err)
	}
}

func TestLookup(t *testing.T) {
	noAlg := authtest.Claims{"alg": authtest.Absent}
	set, err := jwks.Parse(authtest.KeySet(
		changed(ec, authtest.Claims{"kid": "ec", "alg": authtest.Absent, "use": authtest.Absent}),
		changed(p384, authtest.Claims{"kid": "p384", "key_ops": []string{"verify"}}),
		changed(rs, authtest.Claims{"kid": "rsa", "alg": authtest.Absent}),
		changed(rs, authtest.Claims{"kid": "rs256"}),
		changed(rs, authtest.Claims{"kid": "ps256", "alg": "PS256"}),
		changed(ed, authtest.Claims{"kid": "ed", "alg": "Ed25519"}),
		changed(ec, noAlg), // with a thumbprint for a name
	))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		kid, alg string
		want     auth.Reason
	}{
		{"ec", "ES256", ""},
		{"ec", "ES384", auth.AlgKeyMismatch},
		{"ec", "HS256", auth.AlgKeyMismatch},
		{"ec", "RS256", auth.AlgKeyMismatch},
		{"p384", "ES384", ""},
		{"p384", "ES256", auth.AlgKeyMismatch},
		{"rsa", "RS256", ""},
		{"rsa", "PS256", ""},
		{"rsa", "HS256", auth.AlgKeyMismatch},
		{"rsa", "none", auth.AlgKeyMismatch},
		{"rs256", "RS256", ""},
		{"rs256", "PS256", auth.AlgKeyMismatch},
		{"ps256", "PS256", ""},
		{"ps256", "RS256", auth.AlgKeyMismatch},
		{"ed", "EdDSA", ""},
		{"ed", "Ed25519", ""},
		{"ed", "ES256", auth.AlgKeyMismatch},
		{"EC", "ES256", auth.UnknownKey},
		{"absent", "ES256", auth.UnknownKey},
		{"", "ES384", ""},              // one key for it
		{"", "EdDSA", ""},              // one key for it
		{"", "ES256", auth.UnknownKey}, // two
		{"", "PS256", auth.UnknownKey}, // two: one says so, one does not say
		{"", "ES512", auth.UnknownKey}, // none
		{"", "anything", auth.UnknownKey},
	}
	for _, tt := range tests {
		t.Run(tt.kid+" "+tt.alg, func(t *testing.T) {
			key, err := set.Lookup(tt.kid, tt.alg)
			if got := auth.ReasonOf(err); got != tt.want || (key == nil) != (tt.want != "") {
				t.Errorf("got %v, %v; want reason %q", key, err, tt.want)
			}
		})
	}
}

// The keys are the ones that were published, by a writer that shares no code with the reader.
func TestWhatIsPublishedIsWhatIsRead(t *testing.T) {
	for _, algorithm := range []string{"ES256", "ES384", "RS256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			issuer := authtest.NewWith("https://id.example", algorithm)
			ours, err := jwks.Encode(issuer.Key.Public())
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range [][]byte{issuer.JWKS(), ours} {
				set, err := jwks.Parse(document)
				if err != nil {
					t.Fatal(err)
				}
				key, err := set.Lookup(issuer.KeyID, algorithm)
				if err != nil || !key.Public.(interface{ Equal(crypto.PublicKey) bool }).Equal(issuer.Key.Public()) {
					t.Errorf("got %v, %v; want the issuer's key", key, err)
				}
			}
		})
	}
}

func TestEncodeRefusesAWeakKey(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jwks.Encode(weak.Public()); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("got %s, %v; want an error with 1024 bits", got, err)
	}
}

// The example of RFC 7638, section 3.1.
func TestThumbprint(t *testing.T) {
	n := "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs" +
		"tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91C" +
		"bOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	set, err := jwks.Parse([]byte(`{"keys":[{"kty":"RSA","n":"` + n + `","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	key, err := set.Lookup("2011-04-29", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jwks.Thumbprint(key.Public); got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Whatever the document, Parse gives an error or a set whose keys are public, strong, and found under the algorithms of their kind alone.
func FuzzParse(f *testing.F) {
	f.Add(authtest.KeySet(ec(), ed(), rs()))
	f.Add(authtest.KeySet(changed(ec, authtest.Claims{"kid": authtest.Absent, "alg": authtest.Absent})))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	fits := map[string][]string{"EC": {"ES256", "ES384"}, "RSA": {"RS256", "PS256"}, "OKP": {"EdDSA", "Ed25519"}}
	f.Fuzz(func(t *testing.T, document []byte) {
		set, err := jwks.Parse(document)
		if err != nil {
			return
		}
		found := 0
		for _, alg := range []string{"ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519", "none", "HS256", "ES512"} {
			key, err := set.Lookup("", alg)
			if err != nil {
				continue
			}
			found++
			kind := "OKP"
			switch key := key.Public.(type) {
			case *ecdsa.PublicKey:
				kind = "EC"
				if _, err := key.Bytes(); err != nil {
					t.Fatalf("a key that is not on its curve: %v", err)
				}
			case *rsa.PublicKey:
				kind = "RSA"
				if bits := key.N.BitLen(); bits < 2048 || bits > 4096 {
					t.Fatalf("an RSA key of %d bits", bits)
				}
			}
			if !slices.Contains(fits[kind], alg) {
				t.Fatalf("an %s key for %s", kind, alg)
			}
		}
		if set.Len() == 0 || set.Len() == 1 && found == 0 {
			t.Fatalf("got %d keys, %d of them found", set.Len(), found)
		}
	})
}
