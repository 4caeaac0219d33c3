package mint_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/jwt/jws"
	"portcullis/internal/auth/jwt/mint"
)

var claims = map[string]any{"iss": "https://id.example", "sub": "ana", "aud": "portcullis", "exp": 1767225600}

func TestToken(t *testing.T) {
	key, err := mint.NewKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	thumbprint, err := jwks.Thumbprint(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, kid, typ string
		want           jws.Header
	}{
		{"everything given", "k1", "JWT", jws.Header{Algorithm: "ES256", Type: "JWT", KeyID: "k1"}},
		{"nothing given", "", "", jws.Header{Algorithm: "ES256", KeyID: thumbprint}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token, err := mint.Token(key, tt.kid, tt.typ, claims)
			if err != nil {
				t.Fatal(err)
			}
			got, err := jws.Read(token)
			if err != nil || got.Header != tt.want || len(got.Claims.All) != len(claims) {
				t.Errorf("got %+v, %v; want header %+v and %d claims", got, err, tt.want, len(claims))
			}
		})
	}
}

func TestAWeakKeySignsNothing(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := mint.Token(weak, "k", "", claims); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("got %q, %v; want an error with 1024 bits", got, err)
	}
}

func TestAKeyThatIsWrittenIsRead(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			key, err := mint.NewKey(algorithm)
			if err != nil {
				t.Fatal(err)
			}
			text, err := mint.Encode(key)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "signing.pem")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := mint.Load(path)
			if err != nil || !got.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
				t.Errorf("got %T, %v; want the key that was written", got, err)
			}
		})
	}
}

func TestNewKeyRefuses(t *testing.T) {
	for _, algorithm := range []string{"", "HS256", "ES512", "none"} {
		if key, err := mint.NewKey(algorithm); err == nil {
			t.Errorf("%q: got %T, want an error", algorithm, key)
		}
	}
}

func TestParseReadsWhatOpenSSLWrites(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	big, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := x509.MarshalECPrivateKey(big)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	tests := []struct{ name, text, want string }{
		{"SEC 1 behind its parameters", block("EC PARAMETERS", []byte{6, 8}) + block("EC PRIVATE KEY", sec1), ""},
		{"PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)), ""},
		{"P-521", block("EC PRIVATE KEY", p521), "curve P-521"},
		{"encrypted", block("ENCRYPTED PRIVATE KEY", []byte{1}), "encrypted"},
		{"broken", block("PRIVATE KEY", []byte{1}), "asn1"},
		{"broken SEC 1", block("EC PRIVATE KEY", []byte{1}), "EC private key"},
		{"a public key", block("PUBLIC KEY", []byte{1}), "no private key"},
		{"nothing", "", "no private key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := mint.Parse([]byte(tt.text))
			if tt.want == "" && (err != nil || key == nil) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %T, %v; want an error with %q", key, err, tt.want)
			}
		})
	}
	if _, err := mint.Load(filepath.Join(t.TempDir(), "absent.pem")); err == nil || !strings.Contains(err.Error(), "absent.pem") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
