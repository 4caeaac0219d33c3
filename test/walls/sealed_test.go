package walls_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// anything is the setting of channels that keep nothing.
const anything = "**"

// vaults are the patterns of a tenant's channels that take only what is encrypted. Other tenants' channels of the same names may take anything.
func (w *world) vaults(p *party) (all []string) {
	for _, pattern := range append(slices.Clone(p.keeps), anything) {
		if w.chance.IntN(4) == 0 {
			all = append(all, pattern)
		}
	}
	return all
}

// seals reports whether a channel takes only what is encrypted: the first setting that matches its name says.
func (p *party) seals(name string) bool {
	for _, pattern := range p.keeps {
		if matches(strings.Split(pattern, ":"), strings.Split(name, ":")) {
			return slices.Contains(p.vaults, pattern)
		}
	}
	return slices.Contains(p.vaults, anything)
}

// envelope is a message that looks encrypted: for a channel of a tenant, and with a number in it.
func envelope(tenant, name string, n int) string {
	encoded := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	header := fmt.Sprintf(`{"alg":"dir","enc":"A256GCM","kid":"%s","tenant":%q,"channel":%q,"cty":"JWS"}`, strings.Repeat("A", 43), tenant, name)
	return encoded(header) + ".." + encoded("twelve bytes") + "." + encoded(strconv.Itoa(n)) + "." + encoded("sixteen bytes ...")[:21] + "A"
}

// seal decides how a publication goes, and what it is answered where a rule allows it: in the clear, encrypted, or encrypted for another tenant or channel, which somebody has found.
func (l *live) seal(p *publication, n int) (want string) {
	p.members = map[string]any{"data": n}
	party, name, sealed := p.by.party, p.name, true
	switch at := l.chance.IntN(12); {
	case at == 0:
		party = pick(l.world, l.parties)
	case at == 1:
		name = l.channel(party)
	case at == 2, at < 9 && !party.seals(name):
		sealed = false
	}
	p.sealed = sealed
	if sealed {
		p.members["data"], p.members["encryption"] = envelope(party.id, name, n), "jwe"
	}
	right := sealed && party == p.by.party && name == p.name
	switch {
	case p.by.party.seals(p.name) && !right:
		return "encryption_required"
	case sealed && !right:
		return "bad_request"
	}
	return ""
}

// numbered reads which publication a message is, and wants it to be as it was sent.
func (l *live) numbered(data json.RawMessage, encryption string) (n int, err error) {
	text := string(data)
	if encryption != "" {
		parts := strings.Split(text, ".")
		if len(parts) != 5 {
			return 0, fmt.Errorf("it has %d parts", len(parts))
		}
		inside, err := base64.RawURLEncoding.DecodeString(parts[3])
		if err != nil {
			return 0, err
		}
		text = string(inside)
	}
	n, err = strconv.Atoi(text)
	if err != nil || n < 0 || n >= len(l.publications) {
		return 0, fmt.Errorf("nobody said %q", text)
	}
	sent, err := json.Marshal(l.publications[n].members["data"])
	if p := l.publications[n]; err != nil || string(sent) != string(data) || p.sealed != (encryption == "jwe") {
		return 0, fmt.Errorf("it was sent as %s, encrypted %v", sent, p.sealed)
	}
	return n, nil
}
