package e2ee_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// mutator makes cases of what was right once.
type mutator struct{ *rand.Rand }

func pick[T any](m mutator, from ...T) T { return from[m.IntN(len(from))] }

// rarely is true one time in n.
func (m mutator) rarely(n int) bool { return m.IntN(n) == 0 }

// strange are JSON values that readers may take for different things, and values that would be right elsewhere.
var strange = append(strings.Fields(`null true 0 1 2 3 1.0 1e0 1E0 -0 -1 01 9007199254740991 9007199254740992 9007199254740993 1e400 18446744073709551617
	"" "acme" "globex" "room:1" "room:2" "dir" "none" "A256GCM" "A128GCM" "JWS" "EdDSA" "Ed\u0044SA" "HS256" "ana" "ben" "cid" "mal" "\u0061na" "\ud800" "\ud83d\ude00" "ana\u0000" "K" "é"
	[] {} [1] {"a":1} {"a":1,"a":2} [{"a":1,"\u0061":2}] "1" "AAAAAAAAAAAAAAAAAAAAAA" "AAAAAAAAAAAAAAAAAAAAAB" [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]`),
	" 1 ", "\t\"ana\"\n", nest(13), nest(14), nest(15), nest(16), quote(kidOf(key1)), quote(kidOf(key2)), quote(ben.signID()), quote(mal.signID()), quote(strings.Repeat("n", 1100)))

// value is one of strange, most often one of the first that programs stumble over.
func (m mutator) value() string {
	if m.rarely(2) {
		return pick(m, `""`, `""`, "null", "0", "1.0", "{}", "[]", `"ana"`)
	}
	return pick(m, strange...)
}

// object changes the text of a JSON object: its members, or its bytes.
func (m mutator) object(text string) string {
	for range 1 + m.IntN(2) {
		if all := split(text); len(all) > 0 && !m.rarely(4) {
			text = m.members(all)
		} else if len(text) > 0 {
			text = m.bytes(text)
		}
	}
	return text
}

func (m mutator) members(all [][2]string) string {
	at := m.IntN(len(all))
	switch m.IntN(7) {
	case 0:
		m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	case 1:
		all = slices.Delete(all, at, at+1)
	case 2:
		all = slices.Insert(all, at, [2]string{all[at][0], m.value()})
	case 3:
		all = slices.Insert(all, at, [2]string{pick(m, `"crit"`, `"b64"`, `"zip"`, `"__proto__"`, `"nbf"`, `"aud"`, `"toString"`), m.value()})
	case 4:
		name := all[at][0]
		all[at][0] = pick(m, `"\u00`+string("0123456789abcdef"[name[1]>>4])+string("0123456789abcdef"[name[1]&15])+name[2:], strings.ToUpper(name))
	default:
		all[at][1] = m.value()
	}
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = one[0] + pick(m, ":", ":", " :\n") + one[1]
	}
	return "{" + strings.Join(list, pick(m, ",", ",", "\t, ")) + "}"
}

// bytes changes a text without regard to what it is.
func (m mutator) bytes(text string) string {
	at := m.IntN(len(text))
	odd := pick(m, "\x00", "\n", " ", "\xff", "\ufeff", "\u2028", "\u00a0", `"`, `\`, "{", "}", ",", ":", "[", "0", "e", string(rune(m.IntN(0x300))))
	return text[:at] + odd + text[at+m.IntN(2):]
}

// compact changes the compact form.
func (m mutator) compact(text string) string {
	parts := strings.Split(text, ".")
	part := &parts[m.IntN(len(parts))]
	at := m.IntN(len(*part) + 1)
	switch m.IntN(6) {
	case 0:
		*part = (*part)[:at]
	case 1:
		*part += pick(m, "=", "==", "A", "AA", "\n", " ", ".", "A.A", "+", "\u00e9")
	case 2:
		*part = (*part)[:at] + pick(m, "+", "/", "\r\n", " ", "_", "=", "-", "\x00") + (*part)[at:]
	case 3:
		if last := len(*part) - 1; last >= 0 {
			*part = (*part)[:last] + pick(m, "A", "B", "C", "Q", "g", "w", "_")
		}
	case 4:
		i, j := m.IntN(len(parts)), m.IntN(len(parts))
		parts[i], parts[j] = parts[j], parts[i]
	case 5:
		parts = slices.Delete(parts, 0, 1)
	}
	return strings.Join(parts, ".")
}

// split cuts a JSON object into names, in quotes, and values.
func split(text string) (all [][2]string) {
	d := json.NewDecoder(strings.NewReader(text))
	if _, err := d.Token(); err != nil || !strings.HasPrefix(text, "{") {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		text, ok := name.(string)
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil
		}
		all = append(all, [2]string{quote(text), string(bytes.TrimSpace(value))})
	}
	return all
}

// message is one that somebody says to cid in room:1, or what became of it.
func (m mutator) message() (text, user string) {
	by := pick(m, ben, ben, ben, ben, ben, ana, mal, eve, pat)
	s := said(by, pick(m, key1, key1, key1, key1, key1, key2), pick[uint64](m, 1, 2, 3, 65, 66, 67, 1<<53-2, 1<<53-1, 1<<53, 0), pick(m, "hi", "", "\xff"))
	if m.rarely(8) {
		s.outer = m.object(s.outer)
	}
	if m.rarely(3) {
		s.inner = m.object(s.inner)
	}
	if m.rarely(6) {
		s.sign = byEdDSA(mal.sign)
	}
	text = s.text()
	if m.rarely(8) {
		text = writeJWE(s.outer, s.key, s.nonce, []byte(m.compact(s.jws())))
	}
	if m.rarely(8) {
		text = m.compact(text)
	}
	return text, pick(m, by.user, by.user, by.user, by.user, by.user, by.user, by.user, by.user, "ana", "", "BEN")
}

// grant is one for cid, or what became of it.
func (m mutator) grant() string {
	by := pick(m, ana, ana, ana, ana, mal, pat)
	created := noon.Add(pick(m, 0, time.Minute, 61*time.Second, -25*time.Hour))
	g := givesIn(by, pick(m, room1, room1, room1, "room:2"), pick(m, key1, key2, key2, key3), pick[uint64](m, 1, 2, 2, 3, 1<<53-1, 1<<53), created, pick(m, []person{ana, ben, cid}, []person{ana, cid}, []person{ana, ben}, []person{cid, cid})...)
	if m.rarely(6) {
		g.header = m.object(g.header)
	}
	switch m.IntN(4) {
	case 0:
		g.payload = m.object(g.payload)
	case 1: // one of its members
		before, list, _ := strings.Cut(g.payload, `"members":[`)
		entry, after, _ := strings.Cut(list, "}")
		g.payload = before + `"members":[` + m.object(entry+"}") + after
	}
	text := g.text()
	if m.rarely(8) {
		text = m.compact(text)
	}
	return text
}

// assertion is one of ben's, or what became of it.
func (m mutator) assertion() string {
	v := vouch(ben, pick(m, day, day, 365*day, 367*day, -29*time.Second, -30*time.Second, -31*time.Second))
	if m.rarely(3) {
		v.header = m.object(v.header)
	}
	switch m.IntN(4) {
	case 0:
		v.claims = m.object(v.claims)
	case 1: // one of its keys
		before, list, _ := strings.Cut(v.claims, `"keys":[`)
		key, after, _ := strings.Cut(list, "}")
		v.claims = before + `"keys":[` + m.object(key+"}") + after
	}
	text := v.text()
	if m.rarely(8) {
		text = m.compact(text)
	}
	return text
}
