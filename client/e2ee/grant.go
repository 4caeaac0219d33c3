package e2ee

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	grantType = "portcullis-grant+jws"
	maxGrant  = 1 << 20
)

// grant is a channel key on its way to the members: a JWS of its distributor over what is wrapped for each.
type grant struct {
	signed
	text        string
	distributor string // the id of the key that should have signed it
	by          person // whose key that is, where it is known

	tenant, channel, key string
	generation           uint64
	created              time.Time
	entries              []entry
}

// entry is one member's part of a grant.
type entry struct {
	User    string `json:"user"`
	Sign    string `json:"sign"`
	To      string `json:"to"`
	Wrapped string `json:"wrapped"`
}

func readGrant(text string) (*grant, error) {
	if len(text) > maxGrant {
		return nil, fmt.Errorf("it has more than %d bytes", maxGrant)
	}
	s, err := readSigned(text)
	if err != nil {
		return nil, err
	}
	if _, err := s.header.exactly("alg", "typ", "kid"); err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	g := &grant{signed: s, text: text, distributor: s.header.text("kid")}
	switch {
	case s.header.text("alg") != "EdDSA" || s.header.text("typ") != grantType:
		return nil, errors.New("the header must say EdDSA and " + grantType)
	case !id(g.distributor):
		return nil, errors.New("kid is no id of a key")
	case len(s.signature) != ed25519.SignatureSize:
		return nil, errors.New("the signature has not 64 bytes")
	}
	return g, g.read()
}

func (g *grant) read() error {
	o, err := readObject(g.payload)
	if err != nil {
		return err
	}
	v, err := o.exactly("tenant", "channel", "key", "generation", "created", "members")
	if err != nil {
		return err
	}
	created, whole := v[4].integer()
	var tenant, channel, key bool
	g.tenant, tenant = v[0].text()
	g.channel, channel = v[1].text()
	g.key, key = v[2].text()
	g.generation, _ = v[3].integer()
	g.created = time.Unix(int64(created), 0)
	switch {
	case !tenant || !channel || !key || !id(g.key):
		return errors.New("tenant, channel and key must be texts, and key the id of one")
	case g.generation == 0 || !whole:
		return errors.New("generation and created must be whole numbers, generation 1 or more")
	case v[5][0] != '[':
		return errors.New("members is no list")
	}
	return g.readEntries(v[5])
}

func (g *grant) readEntries(list value) error {
	seen := make(map[person]bool)
	for element := range list.elements() {
		o, _ := element.object()
		v, err := o.exactly("user", "sign", "to", "wrapped")
		if err != nil {
			return fmt.Errorf("members[%d]: %w", len(g.entries), err)
		}
		var texts [4]string
		for i := range v {
			texts[i], _ = v[i].text()
		}
		e := entry{texts[0], texts[1], texts[2], texts[3]}
		who := person{e.Sign, e.User}
		if _, err := decodeExactly(e.Wrapped, wrappedSize); err != nil || e.User == "" || !id(e.Sign) || !id(e.To) || seen[who] {
			return fmt.Errorf("members[%d] must have a user, two ids of keys and %d wrapped bytes, and be there once", len(g.entries), wrappedSize)
		}
		seen[who] = true
		g.entries = append(g.entries, e)
	}
	if len(g.entries) == 0 {
		return errors.New("members is empty")
	}
	return nil
}

// wrapping is what the key of an entry must be bound to.
func (g *grant) wrapping(e entry) wrapping {
	return wrapping{g.tenant, g.channel, g.key, g.generation, e.User, e.To}
}

// write makes the text of a grant and signs it.
func (g *grant) write(distributor *Identity) error {
	payload, err := json.Marshal(struct {
		Tenant     string  `json:"tenant"`
		Channel    string  `json:"channel"`
		Key        string  `json:"key"`
		Generation uint64  `json:"generation"`
		Created    int64   `json:"created"`
		Members    []entry `json:"members"`
	}{g.tenant, g.channel, g.key, g.generation, g.created.Unix(), g.entries})
	if err != nil {
		return err
	}
	header := `{"alg":"EdDSA","typ":"` + grantType + `","kid":"` + distributor.signID + `"}`
	input := encode([]byte(header)) + "." + encode(payload)
	g.text = input + "." + encode(ed25519.Sign(distributor.sign, []byte(input)))
	if len(g.text) > maxGrant {
		return refuse(Form, "a grant for %d members has %d bytes; the limit is %d", len(g.entries), len(g.text), maxGrant)
	}
	return nil
}
