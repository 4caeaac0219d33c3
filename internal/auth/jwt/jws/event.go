package jws

import (
	"time"

	"portcullis/internal/auth"
)

// Event is a token by which an identity service reports something (RFC 8417), a logout token among them. It was read, and is not believed yet. It gives nobody access, and a
// token that gives access is none.
type Event struct {
	Header    Header
	Issuer    string
	ID        string // jti
	IssuedAt  time.Time
	Expires   time.Time // zero when absent
	Audience  []string
	Subject   string // sub, empty when absent
	Session   string // sid, empty when absent
	Nonce     bool   // there is a nonce
	Events    []Member
	SubjectID Value // sub_id (RFC 9493), empty when absent

	Signed    string
	Signature []byte
}

// ReadEvent reads an event in the compact form, as strictly as [Read] reads tokens. Its error is an [auth.Refusal].
func ReadEvent(token string) (*Event, error) {
	p, err := split(token)
	if err != nil {
		return nil, err
	}
	e := &Event{Signed: p.signed}
	if e.Signature, err = decode("signature", p.signature); err != nil {
		return nil, err
	}
	header, err := open("header", p.header)
	if err != nil {
		return nil, err
	}
	if e.Header, err = readHeader(header); err != nil {
		return nil, err
	}
	claims, err := open("claims", p.claims)
	if err != nil {
		return nil, err
	}
	return e, e.read(claims)
}

func (e *Event) read(all object) (err error) {
	if e.Issuer, err = readIssuer(all); err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		into *string
	}{{"jti", &e.ID}, {"sub", &e.Subject}, {"sid", &e.Session}} {
		if *c.into, err = readText(all, c.name); err != nil {
			return err
		}
	}
	if e.ID == "" {
		return auth.Refuse(auth.TokenMalformed, "there is no jti; without it nobody can tell a repetition")
	}
	if e.IssuedAt, err = readTime(all, "iat"); err != nil {
		return err
	}
	if e.IssuedAt.IsZero() {
		return auth.Refuse(auth.TokenMalformed, "there is no iat")
	}
	if e.Expires, err = readTime(all, "exp"); err != nil {
		return err
	}
	aud, _ := all.lookup("aud")
	ok := false
	if aud != "" {
		e.Audience, ok = aud.Texts()
	}
	if !ok || len(e.Audience) == 0 {
		return auth.Refuse(auth.BadAudience, "there is no aud, or it is neither text nor a list of texts")
	}
	_, e.Nonce = all.lookup("nonce")
	e.SubjectID, _ = all.lookup("sub_id")
	return e.readEvents(all)
}

// readEvents takes the events apart: an object of objects, by their types.
func (e *Event) readEvents(all object) error {
	events, ok := all.lookup("events")
	if !ok || !events.IsObject() {
		return auth.Refuse(auth.TokenType, "there is no events object: it reports nothing (RFC 8417, section 2.2)")
	}
	for quoted, payload := range events.members() {
		name, _ := quoted.Text()
		if !payload.IsObject() {
			return auth.Refuse(auth.TokenMalformed, "the event %.100q is no object", name)
		}
		e.Events = append(e.Events, Member{name, payload})
	}
	if len(e.Events) != 1 {
		return auth.Refuse(auth.TokenMalformed, "there are %d events; one token reports one", len(e.Events))
	}
	return nil
}

// Child returns the member of an object that is called name.
func (v Value) Child(name string) (Value, bool) {
	if v == "" || !v.IsObject() {
		return "", false
	}
	return v.child(name)
}

// Moment returns the time that a number of seconds since 1970 says.
func (v Value) Moment() (time.Time, bool) {
	if v == "" {
		return time.Time{}, false
	}
	t, err := readTime(object{{"time", v}}, "time")
	return t, err == nil && !t.IsZero()
}
