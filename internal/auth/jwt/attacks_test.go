package jwt_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/jwt/mint"
)

const url = "https://id.acme.example"

var _ auth.Verifier = (*jwt.Verifier)(nil)

func verifier(t testing.TB, issuers ...jwt.Issuer) *jwt.Verifier {
	t.Helper()
	v, err := jwt.NewVerifier(issuers, auth.NewSlots(1))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// keys returns a source of a set that is written out here.
func keys(t testing.TB, set ...authtest.Claims) *jwks.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, authtest.KeySet(set...), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := jwks.File(path, jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func verify(v *jwt.Verifier, token string) (*auth.Principal, error) {
	return v.Verify(context.Background(), auth.Credential{Method: auth.Bearer, Token: token}, time.Now())
}

// refused asks that v refuses the token for a reason, and that nothing of its claims or signature gets into the log.
func refused(t *testing.T, v *jwt.Verifier, token string, want auth.Reason) {
	t.Helper()
	p, err := verify(v, token)
	if got := auth.ReasonOf(err); got != want || p != nil {
		t.Errorf("got %v, %v; want reason %q", p, err, want)
	}
	if err == nil {
		return
	}
	for segment := range strings.SplitSeq(token, ".") {
		if len(segment) > 8 && strings.Contains(err.Error(), segment) {
			t.Errorf("the error holds a part of the token: %v", err)
		}
	}
}

// claims are those of a good token, with some replaced.
func claims(more authtest.Claims) authtest.Claims {
	now := time.Now().Unix()
	all := authtest.Claims{"iss": url, "sub": "ana", "aud": authtest.Audience, "iat": now, "exp": now + 3600}
	maps.Copy(all, more)
	return all
}

func TestTheSignatureDecides(t *testing.T) {
	acme := authtest.New(url)
	v := verifier(t, acme.Settings(t, "acme"))
	good := acme.Token("ana")
	if p, err := verify(v, good); err != nil || p.User != "ana" {
		t.Fatalf("got %v, %v; want ana", p, err)
	}
	signed, signature := good[:strings.LastIndex(good, ".")], good[strings.LastIndex(good, ".")+1:]
	stranger := authtest.New(url)
	stranger.KeyID = acme.KeyID

	tests := []struct {
		name, token string
		want        auth.Reason
	}{
		{"no token", "", auth.MissingCredentials},
		{"no signature", signed + ".", auth.BadSignature},
		{"another token's signature", signed + "." + afterDot(acme.Token("bob")), auth.BadSignature},
		{"claims of another token",
			before(good) + "." + authtest.Segment(`{"iss":"`+url+`","sub":"root","exp":9999999999}`) + "." + signature, auth.BadSignature},
		{"a signature in DER", signed + "." + authtest.Segment("0E\x02\x20"+strings.Repeat("a", 67)), auth.BadSignature},
		{"a signature of zeros (CVE-2022-21449)", signed + "." + authtest.Segment(strings.Repeat("\x00", 64)), auth.BadSignature},
		{"a signature that is longer", good + authtest.Segment("more"), auth.BadSignature},
		{"a line break in the signature", signed + "." + signature[:9] + "\r\n" + signature[9:], auth.TokenMalformed},
		{"signed by a stranger under the issuer's kid", stranger.Token("ana"), auth.BadSignature},
		{"signed by a stranger under their own kid", authtest.New(url).Token("ana"), auth.UnknownKey},
		{"expired, with a bad signature (CVE-2024-51744)", stranger.Token("ana", authtest.Claims{"exp": time.Now().Unix() - 3600}), auth.BadSignature},
		{"for another audience, with a bad signature", stranger.Token("ana", authtest.Claims{"aud": "other"}), auth.BadSignature},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refused(t, v, tt.token, tt.want) })
	}
}

func before(token string) string   { first, _, _ := strings.Cut(token, "."); return first }
func afterDot(token string) string { return token[strings.LastIndex(token, ".")+1:] }

func TestTheHeaderDoesNotChooseTheAlgorithm(t *testing.T) {
	acme := authtest.NewWith(url, "RS256")
	settings := acme.Settings(t, "acme")
	settings.Algorithms = nil
	v := verifier(t, settings)
	pub, err := x509.MarshalPKIXPublicKey(acme.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"the public key as PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}),
		"the public key as DER": pub,
		"the key set":           acme.JWKS(),
		"nothing":               nil,
	}
	for name, secret := range secrets {
		t.Run("HS256 with "+name+" for a secret", func(t *testing.T) {
			text := authtest.Segment(`{"alg":"HS256","kid":"`+acme.KeyID+`"}`) + "." + strings.Split(acme.Sign(nil, claims(nil)), ".")[1]
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(text))
			refused(t, v, text+"."+authtest.Segment(string(mac.Sum(nil))), auth.AlgNotAllowed)
		})
	}
	for _, alg := range []string{
		"none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "ES512", "RS384", "RS512", "PS512", "ES256K", "RS1", "rs256", "RS256 ", "dir",
	} {
		t.Run("alg "+alg, func(t *testing.T) {
			token := acme.Sign(authtest.Claims{"alg": alg}, claims(nil))
			refused(t, v, token, auth.AlgNotAllowed)
			refused(t, v, token[:strings.LastIndex(token, ".")+1], auth.AlgNotAllowed)
		})
	}
	t.Run("ES256 with an RSA key", func(t *testing.T) {
		refused(t, v, acme.Sign(authtest.Claims{"alg": "ES256"}, claims(nil)), auth.AlgKeyMismatch)
	})
	t.Run("PS256 with a key for RS256", func(t *testing.T) {
		refused(t, v, acme.Sign(authtest.Claims{"alg": "PS256"}, claims(nil)), auth.AlgKeyMismatch)
	})
	t.Run("PS256 said, RS256 done, with a key that says neither", func(t *testing.T) {
		jwk := acme.JWK()
		jwk["alg"] = authtest.Absent
		settings.Keys = keys(t, jwk)
		refused(t, verifier(t, settings), acme.Sign(authtest.Claims{"alg": "PS256"}, claims(nil)), auth.BadSignature)
	})
}

func TestTheTokenBringsNoKey(t *testing.T) {
	acme, mallory := authtest.New(url), authtest.New(url)
	v := verifier(t, acme.Settings(t, "acme"))
	for name, parameter := range map[string]any{
		"jwk":  mallory.JWK(),
		"jku":  "https://mallory.example/jwks.json",
		"x5c":  []string{"MIIB"},
		"x5u":  "https://mallory.example/chain.pem",
		"crit": []string{"exp"},
		"b64":  false,
	} {
		t.Run(name, func(t *testing.T) {
			want := auth.EmbeddedKey
			if name == "crit" || name == "b64" {
				want = auth.CriticalHeader
			}
			refused(t, v, mallory.Sign(authtest.Claims{name: parameter}, claims(nil)), want)
			refused(t, v, acme.Sign(authtest.Claims{name: parameter}, claims(nil)), want) // whoever signed it
		})
	}
	for _, kid := range []string{"../../../../dev/null", "/etc/passwd", "a/../" + acme.KeyID, acme.KeyID + "="} {
		t.Run("kid "+kid, func(t *testing.T) {
			refused(t, v, mallory.Sign(authtest.Claims{"kid": kid}, claims(nil)), auth.UnknownKey)
		})
	}
	for _, kid := range []string{"' OR 1=1 --", `"`, "a\nb", "a\x00", "a b", "ключ"} {
		t.Run("kid "+kid, func(t *testing.T) {
			refused(t, v, mallory.Sign(authtest.Claims{"kid": kid}, claims(nil)), auth.TokenMalformed)
		})
	}
}

func TestOtherKindsOfTokensGiveNoAccess(t *testing.T) {
	acme := authtest.New(url)
	v := verifier(t, acme.Settings(t, "acme"))
	for _, typ := range []string{
		"logout+jwt", "application/logout+jwt", "secevent+jwt", "dpop+jwt", "id_token+jwt", "e2ee-key+jwt", "JWE", "application/", "at+jwt ",
	} {
		t.Run("typ "+typ, func(t *testing.T) { refused(t, v, acme.Sign(authtest.Claims{"typ": typ}, claims(nil)), auth.TokenType) })
	}
	for _, typ := range []any{authtest.Absent, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt", "application/jwt"} {
		t.Run("typ in any case", func(t *testing.T) {
			if _, err := verify(v, acme.Sign(authtest.Claims{"typ": typ}, claims(nil))); err != nil {
				t.Errorf("typ %v: %v", typ, err)
			}
		})
	}
	t.Run("a logout token that says it is a JWT", func(t *testing.T) {
		refused(t, v, acme.Sign(authtest.Claims{"typ": "JWT"}, claims(authtest.Claims{
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		})), auth.TokenType)
	})
	t.Run("any type but the one that is configured", func(t *testing.T) {
		settings := acme.Settings(t, "acme")
		settings.Types = []string{"application/AT+JWT"}
		narrow := verifier(t, settings)
		if _, err := verify(narrow, acme.Sign(authtest.Claims{"typ": "at+jwt"}, claims(nil))); err != nil {
			t.Error(err)
		}
		refused(t, narrow, acme.Sign(authtest.Claims{"typ": "JWT"}, claims(nil)), auth.TokenType)
		refused(t, narrow, acme.Sign(authtest.Claims{"typ": authtest.Absent}, claims(nil)), auth.TokenType)
	})
}

func TestClaimsThatAreRefused(t *testing.T) {
	acme := authtest.New(url)
	v := verifier(t, acme.Settings(t, "acme"))
	now := time.Now().Unix()
	day := int64(24 * 3600)
	tests := []struct {
		name   string
		claims authtest.Claims
		want   auth.Reason
	}{
		{"no iss", authtest.Claims{"iss": authtest.Absent}, auth.BadIssuer},
		{"another iss", authtest.Claims{"iss": "https://id.evil.example"}, auth.BadIssuer},
		{"iss with a slash more", authtest.Claims{"iss": url + "/"}, auth.BadIssuer},
		{"iss in capitals", authtest.Claims{"iss": "HTTPS://id.acme.example"}, auth.BadIssuer},
		{"iss with a space", authtest.Claims{"iss": url + " "}, auth.BadIssuer},
		{"iss that is a metadata service", authtest.Claims{"iss": "http://169.254.169.254/"}, auth.BadIssuer},
		{"no aud", authtest.Claims{"aud": authtest.Absent}, auth.BadAudience},
		{"another aud", authtest.Claims{"aud": "billing"}, auth.BadAudience},
		{"aud in capitals", authtest.Claims{"aud": "PORTCULLIS"}, auth.BadAudience},
		{"aud that begins alike", authtest.Claims{"aud": "portcullis-admin"}, auth.BadAudience},
		{"an empty aud", authtest.Claims{"aud": ""}, auth.BadAudience},
		{"aud is an empty list", authtest.Claims{"aud": []string{}}, auth.BadAudience},
		{"aud is a list with an empty text (CVE-2020-26160)", authtest.Claims{"aud": []string{""}}, auth.BadAudience},
		{"aud is an object", authtest.Claims{"aud": map[string]any{"portcullis": true}}, auth.TokenMalformed},
		{"an empty sub", authtest.Claims{"sub": ""}, auth.BadSubject},
		{"no sub", authtest.Claims{"sub": authtest.Absent}, auth.BadSubject},
		{"sub looks like a certificate's", authtest.Claims{"sub": "cert|spiffe://acme/ana"}, auth.BadSubject},
		{"expired a minute ago", authtest.Claims{"exp": now - 60}, auth.TokenExpired},
		{"expired in 1970", authtest.Claims{"exp": 0}, auth.TokenExpired},
		{"valid in a minute", authtest.Claims{"nbf": now + 60}, auth.TokenNotYetValid},
		{"issued in a minute", authtest.Claims{"iat": now + 60}, auth.TokenNotYetValid},
		{"lives for more than a day", authtest.Claims{"exp": now + day + 60}, auth.TokenTooLongLived},
		{"lived for more than a day", authtest.Claims{"iat": now - day, "exp": now + 60}, auth.TokenTooLongLived},
		{"lives for a year and does not say since when", authtest.Claims{"iat": authtest.Absent, "exp": now + 365*day}, auth.TokenTooLongLived},
		{"lives until the year 9999", authtest.Claims{"exp": 253402300799}, auth.TokenTooLongLived},
		{"exp is 9e18", authtest.Claims{"exp": 9e18}, auth.TokenMalformed},
		{"bound to a certificate",
			authtest.Claims{"cnf": map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}, auth.TokenBound},
		{"bound to a DPoP key", authtest.Claims{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, auth.TokenBound},
		{"bound to an embedded key", authtest.Claims{"cnf": map[string]any{"jwk": acme.JWK()}}, auth.TokenBound},
		{"bound by kid", authtest.Claims{"cnf": map[string]any{"kid": "x"}}, auth.TokenBound},
		{"bound by something new", authtest.Claims{"cnf": map[string]any{"quantum": 1}}, auth.TokenBound},
		{"bound to an empty object", authtest.Claims{"cnf": map[string]any{}}, auth.TokenBound},
		{"bound to null", authtest.Claims{"cnf": nil}, auth.TokenBound},
		{"bound to text", authtest.Claims{"cnf": "x"}, auth.TokenBound},
		{"expired and bound", authtest.Claims{"cnf": nil, "exp": now - 60}, auth.TokenExpired},
		{"roles are an object", authtest.Claims{"roles": map[string]any{"admin": true}}, auth.TokenMalformed},
		{"roles hold a number", authtest.Claims{"roles": []any{"member", 1}}, auth.TokenMalformed},
		{"scope is a number", authtest.Claims{"scope": 1}, auth.TokenMalformed},
		{"too many claims", authtest.Claims{"groups": manyTexts(513)}, auth.TokenMalformed},
		{"too many roles", authtest.Claims{"roles": manyTexts(257)}, auth.TokenMalformed}, // they are claims too
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refused(t, v, acme.Sign(nil, claims(tt.claims)), tt.want) })
	}
}

func manyTexts(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = string(rune('a' + i%26))
	}
	return texts
}

func TestTimesHaveALeeway(t *testing.T) {
	acme := authtest.New(url)
	settings := acme.Settings(t, "acme")
	settings.Leeway = 10 * time.Second
	v := verifier(t, settings)
	now := time.Unix(1767222000, 0)
	tests := []struct {
		name   string
		claims authtest.Claims
		want   auth.Reason
	}{
		{"expired just within it", authtest.Claims{"exp": 1767222000 - 9}, ""},
		{"expired as long ago as it is", authtest.Claims{"exp": 1767222000 - 10}, auth.TokenExpired},
		{"valid just within it", authtest.Claims{"nbf": 1767222000 + 10}, ""},
		{"valid just after it", authtest.Claims{"nbf": 1767222000 + 11}, auth.TokenNotYetValid},
		{"issued just within it", authtest.Claims{"iat": 1767222000 + 10}, ""},
		{"issued just after it", authtest.Claims{"iat": 1767222000 + 11}, auth.TokenNotYetValid},
		{"lives exactly a day", authtest.Claims{"iat": 1767222000, "exp": 1767222000 + 86400}, ""},
		{"lives a day and a bit", authtest.Claims{"iat": 1767222000, "exp": 1767222000 + 86400.5}, auth.TokenTooLongLived},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := authtest.Claims{"iss": url, "sub": "ana", "aud": authtest.Audience, "iat": 1767222000 - 3600, "exp": 1767222000 + 3600}
			maps.Copy(all, tt.claims)
			_, err := v.Verify(t.Context(), auth.Credential{Token: acme.Sign(nil, all)}, now)
			if got := auth.ReasonOf(err); got != tt.want {
				t.Errorf("got %v, want reason %q", err, tt.want)
			}
		})
	}
}

func TestUnlimitedLifetime(t *testing.T) {
	acme := authtest.New(url)
	settings := acme.Settings(t, "acme")
	settings.MaxLifetime = jwt.Unlimited
	if _, err := verify(verifier(t, settings), acme.Sign(nil, claims(authtest.Claims{"exp": 253402300799}))); err != nil {
		t.Error(err)
	}
}

// A key that the issuer should not have published is not used, however good the signature.
func TestKeysThatMustNotSign(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	acme, good := authtest.New(url), authtest.New(url)
	private := acme.JWK()
	private["d"] = "AAAA"
	forEncryption := acme.JWK()
	forEncryption["use"] = "enc"
	es512 := authtest.NewWith(url, "ES512")
	small := authtest.WithKey(url, "RS256", weak)
	tests := []struct {
		name   string
		signer *authtest.Issuer
		key    authtest.Claims
		want   auth.Reason
	}{
		{"published with its private part", acme, private, auth.UnknownKey},
		{"for encryption", acme, forEncryption, auth.UnknownKey},
		{"RSA of 1024 bits", small, small.JWK(), auth.UnknownKey},
		{"P-521", es512, es512.JWK(), auth.AlgNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := good.Settings(t, "acme")
			settings.Algorithms, settings.Keys = nil, keys(t, tt.key, good.JWK())
			refused(t, verifier(t, settings), tt.signer.Sign(nil, claims(nil)), tt.want)
		})
	}
}

func TestATokenWithoutKidNeedsASingleKey(t *testing.T) {
	acme, other := authtest.New(url), authtest.New(url)
	noKid := acme.Sign(authtest.Claims{"kid": authtest.Absent}, claims(nil))
	settings := acme.Settings(t, "acme")
	if _, err := verify(verifier(t, settings), noKid); err != nil {
		t.Errorf("with one key: %v", err)
	}
	settings.Keys = keys(t, acme.JWK(), other.JWK())
	refused(t, verifier(t, settings), noKid, auth.UnknownKey)
}

func TestAMintedTokenIsBelieved(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			key, err := mint.NewKey(algorithm)
			if err != nil {
				t.Fatal(err)
			}
			token, err := mint.Token(key, "", "at+jwt", claims(nil))
			if err != nil {
				t.Fatal(err)
			}
			settings := authtest.WithKey(url, algorithm, key).Settings(t, "acme")
			if p, err := verify(verifier(t, settings), token); err != nil || p.User != "ana" {
				t.Errorf("got %v, %v; want ana", p, err)
			}
		})
	}
}

// A flood of signatures must not keep garbage from being told to go, nor cost anybody else a core.
func TestWhileAllCoresVerifyOnlySignaturesWait(t *testing.T) {
	acme := authtest.New(url)
	gate := auth.NewSlots(1)
	if err := gate.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := jwt.NewVerifier([]jwt.Issuer{acme.Settings(t, "acme")}, gate)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	refused(t, v, acme.Sign(authtest.Claims{"alg": "none"}, claims(nil)), auth.AlgNotAllowed)
	refused(t, v, authtest.New(url).Token("ana"), auth.UnknownKey)
	if took := time.Since(start); took > 200*time.Millisecond {
		t.Errorf("garbage waited %v for a core", took)
	}
	refused(t, v, acme.Token("ana"), auth.Overloaded)
}

func TestWithoutKeysNobodyIsBelieved(t *testing.T) {
	acme := authtest.New(url)
	settings := acme.Settings(t, "acme")
	unread, err := jwks.URL("https://id.acme.example/jwks.json", nil, jwks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	settings.Keys = unread
	refused(t, verifier(t, settings), acme.Token("ana"), auth.KeysUnavailable)
}
