package jws

import (
	"encoding/json"
)

// Inspection is what can be seen of a token without believing any of it.
type Inspection struct {
	Header         json.RawMessage `json:"header,omitempty"` // absent when it is not JSON
	Claims         json.RawMessage `json:"claims,omitempty"`
	SignatureBytes int             `json:"signature_bytes"`
	// Findings are why [Read] would refuse the token: the first reason in each of its parts. None means that its form is good, not
	// that it is.
	Findings []error `json:"-"`
}

// Inspect takes a token apart as far as that goes.
func Inspect(token string) Inspection {
	var i Inspection
	p, err := split(token)
	if err != nil {
		i.Findings = append(i.Findings, err)
		return i
	}
	i.Header = i.look("header", p.header, func(members object) error { _, err := readHeader(members); return err })
	i.Claims = i.look("claims", p.claims, func(members object) error { _, err := readClaims(members); return err })
	signature, err := decode("signature", p.signature)
	if err != nil {
		i.Findings = append(i.Findings, err)
	}
	i.SignatureBytes = len(signature)
	return i
}

// look notes what read finds in one part, and returns its JSON when it is that.
func (i *Inspection) look(what, segment string, read func(object) error) json.RawMessage {
	text, err := decode(what, segment)
	if err != nil {
		i.Findings = append(i.Findings, err)
		return nil
	}
	members, err := parse(what, text)
	if err == nil {
		err = read(members)
	}
	if err != nil {
		i.Findings = append(i.Findings, err)
	}
	if !json.Valid(text) {
		return nil
	}
	return text
}
