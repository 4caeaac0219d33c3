package e2ee

import "bytes"

// smallOrder are the Ed25519 points of small order (RFC 8032, section 5.1.3), in base64url and without the sign of x: order 4, 1, 2, 8 and 8.
var smallOrder = map[string]bool{
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA": true,
	"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA": true,
	"7P_______________________________________38": true,
	"JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU": true,
	"xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o": true,
}

// weak reports whether an Ed25519 key is of small order, or is not the one spelling of its point. Under one of small order a signature that nobody made verifies
// for message after message: who has it could say that others forged what they said. Readers differ about both (RFC 8032, section 5.1.7, leaves it open), and
// where one opens what another refuses two members have read different things.
func weak(key []byte) bool {
	y := bytes.Clone(key)
	y[31] &= 0x7f                                                                       // the sign of x
	beyond := y[0] >= 0xed && y[31] == 0x7f && bytes.Count(y[1:31], []byte{0xff}) == 30 // 2^255-19 and more
	return beyond || smallOrder[encode(y)]
}
