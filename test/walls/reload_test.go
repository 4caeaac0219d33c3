package walls_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// reload changes the configuration of one tenant while everybody lives on: its rules, or whether it is there.
func (l *live) reload() error {
	p, away := pick(l.world, l.parties), slices.DeleteFunc(slices.Clone(l.parties), func(p *party) bool { return !p.away })
	switch n := l.chance.IntN(6); {
	case n == 0:
		return l.refusesAll()
	case n < 3 && len(away) > 0:
		return l.comesBack(pick(l.world, away))
	case n < 3 && !p.away:
		return l.goes(p)
	}
	return l.otherRules(pick(l.world, l.present()))
}

// takes has the node take the configuration as the world is now, and wants to read of one tenant alone.
func (l *live) takes(p *party, as string) error {
	if err := l.write(l.yaml(l.t)); err != nil {
		return err
	}
	status, text := l.asks(http.MethodPost, l.AdminAddr(), "/admin/v1/reload", "", "{}")
	var came struct {
		Applied bool
		Report  struct{ Added, Changed, Removed []string }
	}
	if err := json.Unmarshal([]byte(text), &came); err != nil || status != http.StatusOK || !came.Applied {
		return fmt.Errorf("a reload in which %s is %s: %d %s", p.id, as, status, text)
	}
	got := map[string][]string{"added": came.Report.Added, "changed": came.Report.Changed, "removed": came.Report.Removed}
	for is, ids := range got {
		if is == as && !slices.Equal(ids, []string{p.id}) || is != as && len(ids) > 0 {
			return fmt.Errorf("a reload in which %s is %s says %v", p.id, as, got)
		}
	}
	l.reloads++
	return nil
}

// otherRules gives a tenant other rules. What they take is lost, by everybody whom they take it from and by nobody else.
func (l *live) otherRules(p *party) error {
	before := make(map[*client][]string)
	for _, c := range l.of(p) {
		before[c] = c.chosen()
	}
	p.rules, p.picks, p.vaults = l.rules(p), l.choices(p), l.vaults(p)
	p.rules[1].name = "wide " + l.word() // or by chance they could be the same
	for c, chosen := range before {
		c.gain(chosen)
	}
	if err := l.takes(p, "changed"); err != nil {
		return err
	}
	for _, c := range l.of(p) {
		if err := l.loses(c); err != nil {
			return err
		}
	}
	return l.settle()
}

// goes takes a tenant out of the configuration: its clients end, it is believed no more, and nobody else notices.
func (l *live) goes(p *party) error {
	p.away = true
	if err := l.takes(p, "removed"); err != nil {
		return err
	}
	if _, err := l.ends(p, 4501, func(*client) bool { return true }); err != nil {
		return err
	}
	return l.stranger(p)
}

// stranger wants nobody of a tenant to be believed.
func (l *live) stranger(p *party) error {
	if status, text := l.asks(http.MethodGet, l.Addr(), "/v1/whoami", p.issuer.Token("ana"), ""); status != http.StatusUnauthorized {
		return fmt.Errorf("a user of %s, which is not there, is answered %d %s", p.id, status, text)
	}
	return nil
}

// comesBack puts a tenant into the configuration again.
func (l *live) comesBack(p *party) error {
	if err := l.stranger(p); err != nil {
		return err
	}
	p.away, p.rules, p.picks = false, l.rules(p), l.choices(p)
	if err := l.takes(p, "added"); err != nil {
		return err
	}
	return l.replace(p, perParty)
}

// refusesAll has the node read what is no configuration: nothing changes for anybody.
func (l *live) refusesAll() error {
	if err := l.write("tenants: ["); err != nil {
		return err
	}
	if status, text := l.asks(http.MethodPost, l.AdminAddr(), "/admin/v1/reload", "", "{}"); status != http.StatusOK || text[:16] != `{"applied":false` {
		return fmt.Errorf("a configuration that is none: %d %s", status, text)
	}
	return l.settle()
}
