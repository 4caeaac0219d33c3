package mtls

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// keyRule is also a limit on work: one P-521 signature costs as much as forty of P-256.
const keyRule = "use RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519"

// checkKey returns what is wrong with a certificate's key, "" when nothing is.
func checkKey(c *x509.Certificate) (broken string) {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < 2048 || bits > 4096 {
			return fmt.Sprintf("RSA of %d bits", bits)
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return key.Curve.Params().Name
		}
	case ed25519.PublicKey:
	default:
		return c.PublicKeyAlgorithm.String()
	}
	return ""
}
