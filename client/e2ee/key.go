package e2ee

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

const (
	keySize  = 32
	kidInfo  = "portcullis-e2ee/1 kid"
	wrapInfo = "portcullis-e2ee/1 wrap"
	// wrapped are 32 bytes of an ephemeral public key, the channel key and a tag (RFC 9180, section 4.1 and 7.3).
	wrappedSize = 32 + keySize + 16
)

// kidOf is the id of a channel key (RFC 5869). AES-GCM does not commit to its key: one text can be made that opens under two, as two things. An id of full length that follows
// from the key does, for whoever derives it anew.
func kidOf(key []byte) (string, error) {
	id, err := hkdf.Key(sha256.New, key, nil, kidInfo, 32)
	if err != nil {
		return "", err
	}
	return encode(id), nil
}

// cipherOf is AES-256-GCM under a channel key (NIST SP 800-38D).
func cipherOf(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// wrapping is what a wrapped channel key is bound to, besides the key that it is wrapped for.
type wrapping struct {
	tenant, channel, kid string
	generation           uint64
	user, to             string
}

// info writes each field behind its length, so that no two wrappings are one text.
func (w wrapping) info() []byte {
	var b []byte
	for _, field := range []string{wrapInfo, w.tenant, w.channel, w.kid, strconv.FormatUint(w.generation, 10), w.user, w.to} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	return b
}

// seal wraps key for a member (HPKE in mode_base, RFC 9180, section 5.1.1; who wrapped it is told by the grant's signature).
func (w wrapping) seal(to *ecdh.PublicKey, key []byte) ([]byte, error) {
	public, err := hpke.NewDHKEMPublicKey(to)
	if err != nil {
		return nil, err
	}
	return hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), w.info(), key)
}

func (w wrapping) open(mine *ecdh.PrivateKey, wrapped []byte) ([]byte, error) {
	private, err := hpke.NewDHKEMPrivateKey(mine)
	if err != nil {
		return nil, err
	}
	return hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), w.info(), wrapped)
}
