package e2ee

import (
	"crypto/ed25519"
	"time"
)

// opened is a message that is right in every way but one: it may have been here before.
type opened struct {
	*statement
	under *generation
}

// open does what every opening does, in the order in which docs/encryption.md tells it. Find returns the generation of a channel key that counts for this reader.
func (r *Room) open(m Message, now time.Time, find func(kid string, now time.Time) (*generation, error)) (*opened, error) {
	text, err := m.jwe()
	if err != nil {
		return nil, err
	}
	e, err := readEnvelope(text)
	if err != nil {
		return nil, refuse(Form, "the envelope: %v", err)
	}
	if err := e.in(address{r.options.Tenant, r.options.Channel, e.key}, "the envelope"); err != nil {
		return nil, err
	}
	g, err := find(e.key, now)
	if err != nil {
		return nil, err
	}
	jws, err := g.cipher.Open(e.sealed[:0], e.nonce, e.sealed, []byte(e.protected))
	if err != nil {
		return nil, refuse(Tampered, "the message does not open with the channel key of generation %d", g.number)
	}
	s, err := readStatement(string(jws))
	if err != nil {
		return nil, refuse(Form, "what is inside the envelope: %v", err)
	}
	if err := s.in(e.address, "what is inside the envelope"); err != nil {
		return nil, err
	}
	return &opened{s, g}, r.said(s, m.User, g, now)
}

// said asks whether the one whom the gateway names said s.
func (r *Room) said(s *statement, user string, g *generation, now time.Time) error {
	if s.from.user != user {
		return refuse(From, "user %.200q signed the message, and the gateway says that %.200q sent it", s.from.user, user)
	}
	m, known := r.known(s.from)
	switch {
	case !known:
		return refuse(From, "key %.64q of user %.200q is not known here; verify its assertion and add it", s.from.sign, user)
	case !g.list[s.from]:
		return refuse(From, "user %.200q is not on the list of generation %d", user, g.number)
	case m.ended(now):
		return refuse(Expired, "the assertion of %.200q ended at %s; get a new one", user, m.ends.UTC().Format(time.RFC3339))
	case !ed25519.Verify(m.sign, s.input, s.signature):
		return refuse(Signature, "the signature of the message is not that of %.200q", user)
	}
	return nil
}
