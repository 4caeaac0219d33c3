// Package mint makes tokens and the keys that sign them, for development, for tests, and for teams that issue their own.
package mint

import (
	"crypto"
	"fmt"

	gojwt "github.com/golang-jwt/jwt/v5"

	"portcullis/internal/auth/jwt/jwks"
)

// Token returns claims signed with key, by the algorithm that its kind is for ([jwks.Algorithm]). kid names the key; an empty one is
// replaced by its thumbprint, as in [jwks.Encode]. typ is the token's media type, absent when empty. It adds no claim.
func Token(key crypto.Signer, kid, typ string, claims map[string]any) (string, error) {
	algorithm, err := jwks.Algorithm(key.Public())
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	if kid == "" {
		if kid, err = jwks.Thumbprint(key.Public()); err != nil {
			return "", fmt.Errorf("sign a token: %w", err)
		}
	}
	t := gojwt.NewWithClaims(gojwt.GetSigningMethod(algorithm), gojwt.MapClaims(claims))
	t.Header["kid"] = kid
	if t.Header["typ"] = typ; typ == "" {
		delete(t.Header, "typ")
	}
	token, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return token, nil
}
