package config

import (
	"fmt"
	"net/url"
	"strings"
)

func (t *Tenant) checkIssuers(add func(Problem)) {
	first := make(map[string]int)    // entries by issuer
	prefixes := make(map[string]int) // entries by prefix
	for i, issuer := range t.Issuers {
		path := fmt.Sprintf("issuers[%d]", i)
		if !t.isMapping(path) {
			continue
		}
		t.checkIssuer(path, &issuer, add)
		if j, again := first[issuer.Issuer]; again && issuer.Issuer != "" {
			if issuer.Prefix != t.Issuers[j].Prefix {
				add(t.Problem(path+".prefix", "is %q, and %q in issuers[%d] of the same issuer, whose subjects are the same users; write the same",
					issuer.Prefix, t.Issuers[j].Prefix, j))
			}
			continue
		}
		first[issuer.Issuer] = i
		switch has := t.has(path + ".prefix"); {
		case i == 0 && has:
			add(t.Problem(path+".prefix",
				"the first issuer's subjects stand as they are; remove it, or put this issuer behind the one without a prefix"))
		case i > 0 && !has:
			add(t.Problem(path+".prefix",
				"is missing; from the second issuer on it keeps two services from naming the same user, like \"partner|\""))
		case i > 0 && issuer.Prefix != "":
			t.checkPrefix(i, prefixes, add)
		}
	}
}

// checkIssuer looks at one entry for itself.
func (t *Tenant) checkIssuer(path string, issuer *Issuer, add func(Problem)) {
	switch file, uri := t.has(path+".jwks_file"), t.has(path+".jwks_uri"); {
	case file && uri:
		add(t.Problem(path+".jwks_uri", "excludes jwks_file; keep one of the two"))
	case !file && !uri:
		if err := checkKeysURI(issuer.Issuer); err != nil || strings.ContainsAny(issuer.Issuer, "?#") {
			add(t.Problem(path, "has no keys, and issuer %q is no https address at which they could be discovered; give jwks_uri, an https address, or jwks_file", issuer.Issuer))
		}
	case issuer.JWKSURI != "":
		if err := checkKeysURI(issuer.JWKSURI); err != nil {
			add(t.Problem(path+".jwks_uri", "%v", err))
		}
	}
	for _, claim := range []struct{ name, path string }{{"roles_claim", issuer.RolesClaim}, {"presence_claim", issuer.PresenceClaim}} {
		if strings.HasPrefix(claim.path, "/") && badPointer(claim.path) {
			add(t.Problem(path+"."+claim.name, "%q is no JSON Pointer; write ~0 for ~ and ~1 for / in a name", claim.path))
		}
	}
}

// checkPrefix allows the one | only at the end: so no prefix can be the beginning of another, and no subject can reach across.
func (t *Tenant) checkPrefix(i int, prefixes map[string]int, add func(Problem)) {
	path, prefix := fmt.Sprintf("issuers[%d].prefix", i), t.Issuers[i].Prefix
	word, closed := strings.CutSuffix(prefix, "|")
	if !closed || word == "" || len(prefix) > 64 || strings.ContainsFunc(word, func(r rune) bool { return !wordRune(r) }) {
		add(t.Problem(path, "%q is no prefix; write at most 63 letters, digits, - _ . and a | behind them, like \"partner|\"", prefix))
	}
	if prefix == "cert|" {
		add(t.Problem(path, "\"cert|\" stands before the users of certificates; take another"))
	}
	if first, taken := prefixes[prefix]; taken {
		add(t.Problem(path, "%q is the prefix of issuers[%d] too, whose users would be the same; take another", prefix, first))
		return
	}
	prefixes[prefix] = i
}

func wordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

// checkKeysURI allows plain http only on this machine: whoever can change the answer on its way makes tokens.
func checkKeysURI(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is no address of a key set; write it like https://id.example/jwks.json", s)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return fmt.Errorf("%q must be https; only on this machine (127.0.0.1, ::1, localhost) http is allowed", s)
	}
	return nil
}

// badPointer reports whether a pointer has an escape that RFC 6901, section 3, does not know.
func badPointer(s string) bool {
	return strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(s), "~")
}
