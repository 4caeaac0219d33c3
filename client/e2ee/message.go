package e2ee

import (
	"bytes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Message is what a gateway delivers, as far as it matters here. Of a client.Message m it is {m.Data, m.Encryption, m.From.User}.
type Message struct {
	Data       json.RawMessage
	Encryption string // "jwe", or empty
	User       string // who said it, as the gateway says
}

const (
	messageType = "portcullis-message+jws"
	nonceSize   = 12
	tagSize     = 16
)

// address is where a message belongs: tenant and channel, and the channel key that it is under.
type address struct{ tenant, channel, key string }

// in asks whether an address is another.
func (a address) in(other address, what string) error {
	switch {
	case a.tenant != other.tenant:
		return refuse(Tenant, "%s is of tenant %.64q, not of %q", what, a.tenant, other.tenant)
	case a.channel != other.channel:
		return refuse(Channel, "%s is for channel %.256q, not for %q", what, a.channel, other.channel)
	case a.key != other.key:
		return refuse(Key, "%s is under channel key %.64q, not under %q", what, a.key, other.key)
	}
	return nil
}

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

func readAddress(tenant, channel, key value) (a address, err error) {
	var texts [3]bool
	a.tenant, texts[0] = tenant.text()
	a.channel, texts[1] = channel.text()
	a.key, texts[2] = key.text()
	if texts != [3]bool{true, true, true} || !id(a.key) {
		err = errors.New("tenant, channel and the channel key's id must be texts, and the id base64url of 32 bytes")
	}
	return a, err
}

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

// writeEnvelope encrypts a JWS in place and returns the JWE.
func writeEnvelope(aead cipher.AEAD, to address, jws []byte) string {
	header := make([]byte, 0, maxOuter)
	header = append(append(header, `{"alg":"dir","enc":"A256GCM","kid":"`...), to.key...)
	header = appendText(append(header, `","tenant":`...), to.tenant)
	header = append(appendText(append(header, `,"channel":`...), to.channel), `,"cty":"JWS"}`...)

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

// appendText writes a JSON string (RFC 8259, section 7) of text that is UTF-8.
func appendText(b []byte, text string) []byte {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		quoted, _ := json.Marshal(text) // a string always is JSON
		return append(b, quoted...)
	}
	return append(append(append(b, '"'), text...), '"')
}

// jwe returns the text of a message, which is a JSON string of characters that need no escapes.
func (m Message) jwe() (string, error) {
	if m.Encryption != "jwe" {
		return "", refuse(Plaintext, "the message is not encrypted, and this room is: nobody knows who wrote it, and the gateway read it")
	}
	data := m.Data
	if len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' || bytes.IndexByte(data, '\\') >= 0 {
		return "", refuse(Form, "data is no JSON string without escapes")
	}
	return string(data[1 : len(data)-1]), nil
}
