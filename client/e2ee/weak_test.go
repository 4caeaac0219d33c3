package e2ee_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"strconv"
	"testing"

	"portcullis/client/e2ee"
)

// keyed is ben, with something else for an Ed25519 key.
func keyed(x []byte) *vouches {
	return vouch(ben, day).but(b64(ben.public()), b64(x))
}

// Ben has an issuer vouch for a key under which everything verifies that nobody signed: he could deny what he said, and some would open what others refuse.
func TestAKeyUnderWhichEverySignatureVerifies(t *testing.T) {
	one := append([]byte{1}, make([]byte, 31)...)
	nobodys := append(bytes.Clone(one), make([]byte, 32)...) // R is the neutral element, and S is 0
	for name, y := range map[string][]byte{
		"order 1":              one,
		"order 2":              append(append([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f),
		"order 4":              make([]byte, 32),
		"order 8":              must(hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
		"order 8, the other y": must(hex.DecodeString("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")),
	} {
		for sign, bit := range map[string]byte{"": 0, " and a negative x": 0x80} {
			t.Run(name+sign, func(t *testing.T) {
				at(t, noon.Unix(), func(t *testing.T) {
					key := bytes.Clone(y)
					key[31] |= bit
					said := 0
					for n := range 200 {
						if ed25519.Verify(key, []byte("I resign "+strconv.Itoa(n)), nobodys) {
							said++
						}
					}
					if said == 0 {
						t.Error("nothing verifies under it: it is not of small order")
					}
					_, err := believed(t).Verify(t.Context(), keyed(key).text())
					refused(t, err, e2ee.Assertion)
				})
			})
		}
	}
}

// A point that is written in a second way is a second id for one key.
func TestAKeyInASecondSpelling(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		for first := 0xed; first <= 0xff; first++ {
			for _, last := range []byte{0x7f, 0xff} {
				key := append(append([]byte{byte(first)}, bytes.Repeat([]byte{0xff}, 30)...), last)
				_, err := believed(t).Verify(t.Context(), keyed(key).text())
				refused(t, err, e2ee.Assertion)
			}
		}
	})
}

// S + L is the S of the same point: a signature in a second spelling would be a second message of one counter.
func TestASignatureInASecondSpelling(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		order := must(hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"))
		again := said(ben, key1, 1, "yes")
		again.sign = func(input []byte) []byte {
			signature, carry := ed25519.Sign(ben.sign, input), 0
			for i, b := range order {
				carry += int(signature[32+i]) + int(b)
				signature[32+i] = byte(carry)
				carry >>= 8
			}
			return signature
		}
		refuses(t, known(t, cid), delivered(again.text(), ben), e2ee.Signature)
	})
}

// Both readers of JSON bear the same depth, and both spellings of a name in a grant's header.
func TestTheSameFormForEveryReader(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		deep := vouch(ben, day).but(`"iss"`, `"deep":`+nest(15)+`,"iss"`)
		if _, err := believed(t).Verify(t.Context(), deep.text()); err != nil {
			t.Errorf("16 deep: got %v, want a member", err)
		}
		_, err := believed(t).Verify(t.Context(), vouch(ben, day).but(`"iss"`, `"deep":`+nest(16)+`,"iss"`).text())
		refused(t, err, e2ee.Assertion)
		accept(t, gives(key1, 1, noon, ana, cid).head("EdDSA", `Ed\u0044SA`).text(), enter(t, cid, room1, ana))
	})
}

func nest(n int) string {
	return string(bytes.Repeat([]byte{'['}, n)) + "1" + string(bytes.Repeat([]byte{']'}, n))
}
