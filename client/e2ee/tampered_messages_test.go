package e2ee_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

func theTampered() (rows []tamperedRow) {
	rows = append(rows, tamperedEnvelopes()...)
	rows = append(rows, tamperedParts()...)
	rows = append(rows, tamperedStatements()...)
	rows = append(rows, tamperedSenders()...)
	rows = append(rows, tamperedOrder()...)
	rows = append(rows, tamperedGrants()...)
	rows = append(rows, tamperedWraps()...)
	rows = append(rows, tamperedAssertions()...)
	seen := make(map[string]bool)
	for _, r := range rows {
		if seen[r.Kind+r.Name] {
			panic(r.Name + " is there twice")
		}
		seen[r.Kind+r.Name] = true
	}
	return rows
}

// hello is what ben says, and what is tampered with. Its length leaves spare bits in every part of the text that can have some.
func hello() *statement { return said(ben, key1, 1, "hello") }

func messageRow(name, reason string, s step) tamperedRow {
	room := theRoom()
	return tamperedRow{Name: name, Reason: reason, Room: &room, Grants: []string{"first"}, step: s}
}

func fromBen(name, reason, text string) tamperedRow {
	return messageRow(name, reason, sealed(text, "ben"))
}

func (row tamperedRow) after(before ...step) tamperedRow {
	row.Before = before
	return row
}

func (s step) at(d time.Duration) step {
	s.Now = noon.Add(d).Unix()
	return s
}

// The protected header of the envelope, encrypted by somebody who has the key.
func tamperedEnvelopes() (rows []tamperedRow) {
	members := []string{`"alg":"dir"`, `"enc":"A256GCM"`, fmt.Sprintf(`"kid":%q`, kidOf(key1)), `"tenant":"acme"`, `"channel":"room:1"`, `"cty":"JWS"`}
	for i, m := range members {
		name, _, _ := strings.Cut(m, ":")
		cut := m + ","
		if i == len(members)-1 {
			cut = "," + m
		}
		rows = append(rows,
			fromBen("envelope without "+name, "form", hello().outside(cut, "").text()),
			fromBen("envelope with "+name+" twice", "form", hello().outside(m, m+","+m).text()),
			fromBen("envelope with "+name+" as a list", "form", hello().outside(m, name+`:["x"]`).text()),
		)
	}
	add := func(what string) string { return hello().outside(`{"alg"`, "{"+what+`,"alg"`).text() }
	return append(rows,
		fromBen("envelope with zip", "form", add(`"zip":"DEF"`)),
		fromBen("envelope with crit", "form", add(`"crit":["exp"],"exp":1`)),
		fromBen("envelope with p2c", "form", add(`"p2c":1000000`)),
		fromBen("envelope with an unknown member", "form", add(`"x":1`)),
		fromBen("envelope with a member in another case", "form", add(`"Alg":"dir"`)),
		fromBen("envelope with alg none", "form", hello().outside(`"dir"`, `"none"`).text()),
		fromBen("envelope with alg A256KW", "form", hello().outside(`"dir"`, `"A256KW"`).text()),
		fromBen("envelope with enc A128GCM", "form", hello().outside("A256GCM", "A128GCM").text()),
		fromBen("envelope with enc A256CBC-HS512", "form", hello().outside("A256GCM", "A256CBC-HS512").text()),
		fromBen("envelope around a JWT", "form", hello().outside(`"JWS"`, `"JWT"`).text()),
		fromBen("envelope with a kid of 16 bytes", "form", hello().outside(kidOf(key1), b64(seed("x")[:16])).text()),
		fromBen("envelope with a kid that has spare bits", "form", hello().outside(kidOf(key1), spare(kidOf(key1))).text()),
		fromBen("envelope with half a surrogate pair", "form", hello().outside("room:1", `room:1\ud800`).text()),
		fromBen("envelope with bytes that are no UTF-8", "form", hello().outside("room:1", "room:1\xff").text()),
		fromBen("envelope with something after its header", "form", hello().outside(`"JWS"}`, `"JWS"}{}`).text()),
		fromBen("envelope whose header is a list", "form", hello().outside(`{"alg"`, `[{"alg"`).outside(`"JWS"}`, `"JWS"}]`).text()),
		fromBen("envelope whose header is longer than 1024 bytes", "form", hello().outside(`{"alg"`, "{"+strings.Repeat(" ", 1000)+`"alg"`).text()),
		fromBen("envelope of another tenant", "tenant", hello().outside("acme", "globex").text()),
		fromBen("envelope of another channel", "channel", hello().outside("room:1", "room:2").text()),
		fromBen("envelope of a channel in another case", "channel", hello().outside("room:1", "Room:1").text()),
		fromBen("envelope under a key that is not held", "key", said(ben, seed("unknown key"), 1, "hello").text()),
	)
}

// The text as it travels, changed by somebody without a key.
func tamperedParts() []tamperedRow {
	text := hello().text()
	appendTo := func(what string) func(string) string { return func(p string) string { return p + what } }
	none := ""
	other := "JWE"
	data := func(json string) step {
		s := sealed("", "ben")
		s.Data = []byte(json)
		return s
	}
	flagged := func(flag *string) step {
		s := sealed(text, "ben")
		s.Encryption = flag
		return s
	}
	otherKey := said(ben, key2, 1, "hello").outside(kidOf(key2), kidOf(key1))
	respaced := part(text, 0, func(string) string { return b64([]byte(strings.Replace(hello().outer, ",", ", ", 1))) })
	short := hello()
	return []tamperedRow{
		messageRow("plaintext", "plaintext", step{Kind: "message", Now: noon.Unix(), Data: []byte(`"hello"`), Encryption: &none, User: "ben"}),
		messageRow("an envelope that is not called one", "plaintext", flagged(&none)),
		messageRow("another encryption", "plaintext", flagged(&other)),
		messageRow("data is an object", "form", data(`{"ciphertext":"x"}`)),
		messageRow("data is null", "form", data(`null`)),
		messageRow("data is empty", "form", data(`""`)),
		messageRow("data is text", "form", data(`"hello"`)),
		fromBen("four parts", "form", text[:strings.LastIndex(text, ".")]),
		fromBen("six parts", "form", text+"."),
		fromBen("an encrypted key", "form", part(text, 1, appendTo("AAAA"))),
		fromBen("header padded", "form", part(text, 0, appendTo("="))),
		fromBen("header truncated", "form", part(text, 0, func(p string) string { return p[:len(p)-4] })),
		fromBen("header with a line end", "form", strings.Replace(text, ".", "\n.", 1)),
		fromBen("header flipped", "form", part(text, 0, func(string) string { return b64([]byte(strings.Replace(short.outer, `"alg"`, `"alf"`, 1))) })),
		fromBen("header written otherwise", "tampered", respaced),
		fromBen("nonce flipped", "tampered", flip(text, 2)),
		fromBen("nonce padded", "form", part(text, 2, appendTo("=="))),
		fromBen("nonce of 11 bytes", "form", part(text, 2, func(string) string { return b64(make([]byte, 11)) })),
		fromBen("nonce of 16 bytes", "form", part(text, 2, func(string) string { return b64(make([]byte, 16)) })),
		fromBen("nonce empty", "form", part(text, 2, func(string) string { return "" })),
		fromBen("ciphertext flipped", "tampered", flip(text, 3)),
		fromBen("ciphertext truncated", "tampered", part(text, 3, func(p string) string { return p[:len(p)/8*4] })),
		fromBen("ciphertext extended", "tampered", part(text, 3, func(p string) string { return "AAAA" + p })),
		fromBen("ciphertext padded", "form", part(text, 3, appendTo("="))),
		fromBen("ciphertext with spare bits", "form", part(text, 3, spare)),
		fromBen("ciphertext of the other alphabet", "form", part(text, 3, func(p string) string { return "+/" + p[2:] })),
		fromBen("ciphertext empty", "form", part(text, 3, func(string) string { return "" })),
		fromBen("tag flipped", "tampered", flip(text, 4)),
		fromBen("tag with spare bits", "form", part(text, 4, spare)),
		fromBen("tag padded", "form", part(text, 4, appendTo("=="))),
		fromBen("tag of 12 bytes", "form", part(text, 4, func(p string) string { return p[:16] })),
		fromBen("tag with a line end", "form", text+"\n"),
		fromBen("ciphertext under another key", "tampered", otherKey.text()),
		fromBen("tag of another message", "tampered", part(text, 4, func(string) string {
			return said(ben, key1, 2, "other").text()[strings.LastIndex(said(ben, key1, 2, "other").text(), ".")+1:]
		})),
	}
}

// What is inside, encrypted by somebody who has the key: a member.
func tamperedStatements() (rows []tamperedRow) {
	members := []string{`"alg":"EdDSA"`, `"typ":"portcullis-message+jws"`, fmt.Sprintf(`"kid":%q`, ben.signID()), `"tenant":"acme"`, `"channel":"room:1"`,
		`"user":"ben"`, fmt.Sprintf(`"key":%q`, kidOf(key1)), fmt.Sprintf(`"session":%q`, b64(seed("sessionben")[:16])), `"counter":1`}
	for i, m := range members {
		name, _, _ := strings.Cut(m, ":")
		cut := m + ","
		if i == len(members)-1 {
			cut = "," + m
		}
		rows = append(rows,
			fromBen("statement without "+name, "form", hello().but(cut, "").text()),
			fromBen("statement with "+name+" twice", "form", hello().but(m, m+","+m).text()),
			fromBen("statement with "+name+" as a list", "form", hello().but(m, name+`:["x"]`).text()),
		)
	}
	for name, counter := range orderedCounters() {
		rows = append(rows, fromBen("counter "+name, "form", hello().but(`"counter":1`, `"counter":`+counter).text()))
	}
	inside := func(jws string) string { s := hello(); return writeJWE(s.outer, s.key, s.nonce, []byte(jws)) }
	signedBy := func(s *statement, sign func([]byte) []byte) string { s.sign = sign; return s.text() }
	return append(rows,
		fromBen("statement with alg none", "form", signedBy(hello().but("EdDSA", "none"), byNobody)),
		fromBen("statement with HS256 and the public key as secret", "form", signedBy(hello().but("EdDSA", "HS256"), byHS256(ben.public()))),
		fromBen("statement with ES256", "form", hello().but("EdDSA", "ES256").text()),
		fromBen("statement that is a grant", "form", hello().but("portcullis-message+jws", "portcullis-grant+jws").text()),
		fromBen("statement that is a token", "form", hello().but("portcullis-message+jws", "JWT").text()),
		fromBen("statement with b64 false", "form", hello().but(`"alg"`, `"b64":false,"crit":["b64"],"alg"`).text()),
		fromBen("statement with its own key", "form", hello().but(`"alg"`, `"jwk":`+edJWK(ben)+`,"alg"`).text()),
		fromBen("session of 15 bytes", "form", hello().but(b64(seed("sessionben")[:16]), b64(seed("sessionben")[:15])).text()),
		fromBen("session with spare bits", "form", hello().but(b64(seed("sessionben")[:16]), spare(b64(seed("sessionben")[:16]))).text()),
		fromBen("signature of 63 bytes", "form", signedBy(hello(), func(b []byte) []byte { return byEdDSA(ben.sign)(b)[:63] })),
		fromBen("signature empty", "form", signedBy(hello(), byNobody)),
		fromBen("signature with spare bits", "form", inside(part(hello().jws(), 2, spare))),
		fromBen("statement of two parts", "form", inside(strings.Join(strings.Split(hello().jws(), ".")[:2], "."))),
		fromBen("statement of four parts", "form", inside(hello().jws()+".AAAA")),
		fromBen("no statement at all", "form", inside("hello")),
		fromBen("signature flipped", "signature", inside(flip(hello().jws(), 2))),
		fromBen("payload changed", "signature", inside(part(hello().jws(), 1, func(string) string { return b64([]byte("hullo")) }))),
		fromBen("header of the statement written otherwise", "signature", inside(part(hello().jws(), 0, func(string) string {
			return b64([]byte(strings.Replace(hello().inner, ",", ", ", 1)))
		}))),
		fromBen("statement of another tenant", "tenant", hello().but("acme", "globex").text()),
		fromBen("statement of another channel", "channel", hello().but("room:1", "room:2").text()),
		fromBen("statement under another channel key", "key", hello().but(kidOf(key1), kidOf(key2)).text()),
	)
}

func orderedCounters() func(yield func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for _, c := range [][2]string{{"0", "0"}, {"below 0", "-1"}, {"with a fraction", "1.0"}, {"with an exponent", "1e0"}, {"as text", `"1"`}, {"as null", "null"}, {"of 2^53", "9007199254740992"},
			{"beyond 64 bits", "18446744073709551617"}} {
			if !yield(c[0], c[1]) {
				return
			}
		}
	}
}

// Who said it.
func tamperedSenders() []tamperedRow {
	carried := saidIn(ben, "room:2", "session", key1, 1, "hello")
	carried.outer = hello().outer // a member of both rooms encrypts anew what ben said in the other
	again := said(ben, key1, 1, "hello")
	again.key, again.outer = key2, strings.Replace(again.outer, kidOf(key1), kidOf(key2), 1)
	forged := hello()
	forged.sign = byEdDSA(mal.sign)
	both := messageRow("a statement under the key of before, encrypted anew under the next", "key", sealed(again.text(), "ben"))
	both.Grants = []string{"first", "second"}
	late := said(dan, key1, 1, "too late")
	return []tamperedRow{
		fromBen("a member forges another", "signature", forged.text()),
		fromBen("a member signs with their key and calls themselves another", "sender", said(ana, key1, 1, "hello").but(`"user":"ana"`, `"user":"ben"`).text()),
		messageRow("the gateway changes the sender", "sender", sealed(hello().text(), "ana")),
		messageRow("the gateway names nobody", "sender", sealed(hello().text(), "")),
		messageRow("a member repeats another's statement as theirs, whose key the issuer vouches for as theirs", "sender", sealed(hello().text(), "mal")),
		messageRow("a member who is not on the list", "sender", sealed(said(eve, key1, 1, "hello").text(), "eve")),
		messageRow("somebody who is not known", "sender", sealed(said(pat, key1, 1, "hello").text(), "pat")),
		messageRow("a member whose assertion ended", "expired", sealed(late.text(), "dan").at(90*time.Second)),
		fromBen("what a member said in another room, encrypted anew", "channel", carried.text()),
		both,
	}
}

// When it came.
func tamperedOrder() []tamperedRow {
	first, second := sealed(hello().text(), "ben"), grantStep("second", 10*time.Second)
	anew := hello()
	anew.nonce = seed("another nonce")[:12]
	high := opens(said(ben, key1, 66, "hello"), ben)
	history := func(s step) step { s.Kind = "history"; return s }
	old := sealed(said(ana, key1, 1, "hello").text(), "ana")
	notHeld := messageRow("before any grant", "key", first)
	notHeld.Grants = nil
	lateSecond := messageRow("a generation that came late is for reading", "key", sealed(said(ana, key2, 1, "hello").text(), "ana"))
	lateSecond.Grants = []string{"third", "second"}
	return []tamperedRow{
		messageRow("a replay", "replay", first).after(first),
		messageRow("a replay, encrypted anew", "replay", sealed(anew.text(), "ben")).after(first),
		messageRow("65 behind the highest", "replay", first).after(high),
		messageRow("a replay inside the window", "replay", sealed(said(ben, key1, 2, "hello").text(), "ben")).after(sealed(said(ben, key1, 2, "hello").text(), "ben"), high),
		messageRow("a replay in a reading of history", "replay", history(first)).after(history(first)),
		messageRow("plaintext in a reading of history", "plaintext", history(step{Now: noon.Unix(), Data: json.RawMessage(`"hello"`), User: "ben"})),
		messageRow("who was not on the list, in a reading of history", "sender", history(sealed(said(eve, key1, 1, "hello").text(), "eve"))),
		messageRow("a reading of history is no place to forge", "signature", history(tamperedSenders()[0].step)),
		messageRow("the generation before, after a minute", "key", old.at(70*time.Second)).after(second),
		messageRow("who was removed, within the minute", "sender", first.at(11*time.Second)).after(second),
		notHeld,
		lateSecond,
	}
}

func grantStep(name string, d time.Duration) step {
	for _, v := range theGrantsOnce() {
		if v.Name == name {
			return step{Kind: "grant", Text: v.Text}.at(d)
		}
	}
	panic(name)
}
