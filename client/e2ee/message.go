package e2ee

import (
	"encoding/json"
	"errors"
	"strings"
)

// Message is what a gateway delivers, as far as it matters here. Of a client.Message m it is {m.Data, m.Encryption, m.From.User}.
type Message struct {
	Data       json.RawMessage
	Encryption string // "jwe", or empty
	User       string // who said it, as the gateway says
}

// jwe returns the text of a message, a JSON string. Its characters need no escapes: one that has some is no base64url.
func (m Message) jwe() (string, error) {
	if m.Encryption != "jwe" {
		return "", refuse(Plaintext, "the message is not encrypted, and this room is: nobody knows who wrote it, and the gateway read it")
	}
	data := m.Data
	if len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' {
		return "", refuse(Form, "data is no JSON string")
	}
	return string(data[1 : len(data)-1]), nil
}

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

// appendText writes a JSON string (RFC 8259, section 7) of text that is UTF-8.
func appendText(b []byte, text string) []byte {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		quoted, _ := json.Marshal(text) // a string always is JSON
		return append(b, quoted...)
	}
	return append(append(append(b, '"'), text...), '"')
}
