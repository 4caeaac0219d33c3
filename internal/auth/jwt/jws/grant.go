package jws

import (
	"slices"
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

// GrantType is the type of the entries of authorization_details (RFC 9396, section 2) that are this gateway's to read.
const GrantType = "portcullis_channel"

const details = "authorization_details"

// What the entries of one token may hold. The length of their texts is bounded by the token's.
const (
	maxGrants   = 32  // of our type
	maxPatterns = 128 // in all of them
)

// Granted is one entry of [GrantType]. It shares no memory with the token.
type Granted struct {
	auth.Grant
	Locations []string // whom it is for (RFC 9396, section 2.2); nil is everybody
}

// readGranted reads the entries of [GrantType]. Those of other types are somebody else's, and any form is good for them. Of our own, whatever is not understood
// refuses the token: it is something that narrows.
func readGranted(all object) ([]Granted, error) {
	v, ok := all.lookup(details)
	if !ok || v.IsNull() {
		return nil, nil
	}
	if !v.IsList() {
		return nil, auth.Refuse(auth.BadGrant, "%s is no list of objects (RFC 9396, section 2)", details)
	}
	var granted []Granted
	patterns := 0
	for entry := range v.Elements() {
		var kind Value
		if entry.IsObject() {
			kind, _ = entry.child("type")
		}
		text, ok := kind.text()
		switch {
		case !ok:
			return nil, auth.Refuse(auth.BadGrant, "an entry of %s is no object with a text under type", details)
		case text != GrantType:
			continue
		case len(granted) == maxGrants:
			return nil, auth.Refuse(auth.BadGrant, "%s has more than %d entries of type %s", details, maxGrants, GrantType)
		}
		g, err := readEntry(entry)
		if err != nil {
			return nil, err
		}
		if patterns += len(g.Channels); patterns > maxPatterns {
			return nil, auth.Refuse(auth.BadGrant, "the entries of type %s have more than %d channels", GrantType, maxPatterns)
		}
		granted = append(granted, g)
	}
	return granted, nil
}

// text is [Value.Text] for a value that may not be there.
func (v Value) text() (string, bool) {
	if v == "" {
		return "", false
	}
	return v.Text()
}

func readEntry(entry Value) (g Granted, err error) {
	for quoted, value := range entry.members() {
		name, _ := quoted.Text()
		if name == "type" {
			continue
		}
		texts, ok := value.Texts()
		switch {
		case !slices.Contains([]string{"actions", "channels", "locations"}, name):
			return g, auth.Refuse(auth.BadGrant, "an entry of type %s has %.64q; only actions, channels and locations are understood", GrantType, name)
		case !ok || !value.IsList() || len(texts) == 0:
			return g, auth.Refuse(auth.BadGrant, "%s of an entry of type %s is no list of one text or more", name, GrantType)
		case name == "actions":
			g.Actions, err = readActions(texts)
		case name == "channels":
			g.Channels, err = readPatterns(texts)
		default:
			for _, text := range texts {
				g.Locations = append(g.Locations, strings.Clone(text))
			}
		}
		if err != nil {
			return g, err
		}
	}
	switch onTenant := slices.Contains(g.Actions, auth.OnTenant); {
	case g.Actions == nil:
		return g, auth.Refuse(auth.BadGrant, "an entry of type %s has no actions", GrantType)
	case onTenant && (len(g.Actions) > 1 || g.Channels != nil):
		return g, auth.Refuse(auth.BadGrant, "%s is on the tenant: it stands alone in an entry, without channels", auth.OnTenant)
	case !onTenant && g.Channels == nil:
		return g, auth.Refuse(auth.BadGrant, "an entry of type %s has no channels", GrantType)
	}
	return g, nil
}

func readActions(texts []string) ([]string, error) {
	var actions []string
	for _, text := range texts {
		i := slices.Index(auth.GrantActions, text)
		if i < 0 {
			return nil, auth.Refuse(auth.BadGrant, "an entry of type %s has the action %.32q; it may have %s", GrantType, text, strings.Join(auth.GrantActions, ", "))
		}
		if !slices.Contains(actions, text) {
			actions = append(actions, auth.GrantActions[i])
		}
	}
	return actions, nil
}

// readPatterns takes patterns without templates: the service that issues the token knows its user.
func readPatterns(texts []string) ([]channel.Pattern, error) {
	patterns := make([]channel.Pattern, 0, len(texts))
	for _, text := range texts {
		p, err := channel.ParsePattern(strings.Clone(text))
		if err != nil {
			return nil, auth.Refuse(auth.BadGrant, "an entry of type %s: %w", GrantType, err)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}
