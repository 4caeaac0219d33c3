package e2ee

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"strings"
)

const (
	nonceSize = 12
	tagSize   = 16
)

// envelope is a JWE in the compact serialization with direct encryption (RFC 7516, section 7.1; RFC 7518, section 4.5).
type envelope struct {
	address
	protected string // as it stands: the additional authenticated data (RFC 7516, section 5.1, step 14)
	nonce     []byte
	sealed    []byte // ciphertext and tag
}

func readEnvelope(text string) (*envelope, error) {
	parts := strings.SplitN(text, ".", 6)
	if len(parts) != 5 {
		return nil, errors.New("it is no JWE of five parts")
	}
	header, err := protected(parts[0], maxOuter)
	if err != nil {
		return nil, err
	}
	v, err := header.exactly("alg", "enc", "kid", "tenant", "channel", "cty")
	if err != nil {
		return nil, err
	}
	if header.text("alg") != "dir" || header.text("enc") != "A256GCM" || header.text("cty") != "JWS" || parts[1] != "" {
		return nil, errors.New("it must be dir with A256GCM around a JWS, and have no encrypted key")
	}
	e := &envelope{protected: parts[0]}
	if e.address, err = readAddress(v[3], v[4], v[2]); err != nil {
		return nil, err
	}
	if e.nonce, err = decodeExactly(parts[2], nonceSize); err != nil {
		return nil, err
	}
	tag, err := decodeExactly(parts[4], tagSize)
	if err != nil {
		return nil, err
	}
	if e.sealed, err = decode(parts[3]); err == nil && len(e.sealed) == 0 {
		err = errors.New("there is nothing in it")
	}
	e.sealed = append(e.sealed, tag...)
	return e, err
}

// outer is the protected header of an envelope.
func outer(to address) []byte {
	header := make([]byte, 0, maxOuter)
	header = append(append(header, `{"alg":"dir","enc":"A256GCM","kid":"`...), to.key...)
	header = appendText(append(header, `","tenant":`...), to.tenant)
	return append(appendText(append(header, `,"channel":`...), to.channel), `,"cty":"JWS"}`...)
}

// writeEnvelope encrypts a JWS in place and returns the JWE.
func writeEnvelope(aead cipher.AEAD, to address, jws []byte) string {
	header := outer(to)
	size := strict.EncodedLen(len(header)) + 4 + strict.EncodedLen(nonceSize) + strict.EncodedLen(len(jws)) + strict.EncodedLen(tagSize)
	text := strict.AppendEncode(make([]byte, 0, size), header)
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:]) // it never fails: the program ends instead
	sealed := aead.Seal(jws[:0], nonce[:], jws, text)
	text = strict.AppendEncode(append(text, ".."...), nonce[:])
	text = strict.AppendEncode(append(text, '.'), sealed[:len(jws)])
	text = strict.AppendEncode(append(text, '.'), sealed[len(jws):])
	return string(text)
}
