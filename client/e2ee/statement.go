package e2ee

import (
	"crypto/ed25519"
	"errors"
	"strconv"
)

const messageType = "portcullis-message+jws"

// statement is what a member says, with its signature: a JWS inside the envelope. It names tenant, channel, channel key and its own user once more, because
// whoever holds the key of two rooms could carry a statement from one to the other, and whoever has another's key vouched for as theirs could say it as theirs.
type statement struct {
	signed
	address
	from    person
	session session
	counter uint64
}

var statementMembers = []string{"alg", "typ", "kid", "tenant", "channel", "user", "key", "session", "counter"}

func readStatement(text string) (*statement, error) {
	s, err := readSigned(text)
	if err != nil {
		return nil, err
	}
	v, err := s.header.exactly(statementMembers...)
	if err != nil {
		return nil, err
	}
	if s.header.text("alg") != "EdDSA" || s.header.text("typ") != messageType {
		return nil, errors.New("its header must say EdDSA and " + messageType)
	}
	made := &statement{signed: s, from: person{s.header.text("kid"), s.header.text("user")}}
	if made.address, err = readAddress(v[3], v[4], v[6]); err != nil {
		return nil, err
	}
	counter, whole := v[8].integer()
	own, err := decodeExactly(s.header.text("session"), sessionSize)
	if err != nil || !whole || counter == 0 || !id(made.from.sign) || made.from.user == "" || len(s.signature) != ed25519.SignatureSize {
		return nil, errors.New("user, kid, session, counter or signature has not its form")
	}
	made.session, made.counter = session(own), counter
	return made, nil
}

// writeStatement signs plaintext and returns the JWS, with room behind it for what sealing adds.
func writeStatement(i *Identity, user string, to address, s session, counter uint64, plaintext []byte) []byte {
	header := make([]byte, 0, 512)
	header = append(header, `{"alg":"EdDSA","typ":"`+messageType+`","kid":"`...)
	header = append(header, i.signID...)
	header = appendText(append(header, `","tenant":`...), to.tenant)
	header = appendText(append(header, `,"channel":`...), to.channel)
	header = appendText(append(header, `,"user":`...), user)
	header = append(append(header, `,"key":"`...), to.key...)
	header = strict.AppendEncode(append(header, `","session":"`...), s[:])
	header = append(strconv.AppendUint(append(header, `","counter":`...), counter, 10), '}')

	size := strict.EncodedLen(len(header)) + 1 + strict.EncodedLen(len(plaintext)) + 1 + strict.EncodedLen(ed25519.SignatureSize)
	jws := make([]byte, 0, size+tagSize)
	jws = append(strict.AppendEncode(jws, header), '.')
	jws = strict.AppendEncode(jws, plaintext)
	signature := ed25519.Sign(i.sign, jws)
	return strict.AppendEncode(append(jws, '.'), signature)
}
