package e2ee_test

import (
	"fmt"
	"strings"
	"time"
)

// next is the grant that is tampered with: ana's for generation 4.
func next() *grantText { return gives(key4, 4, noon, ana, ben, cid) }

var key4 = seed("fourth key")

func grantRow(name, reason, text string) tamperedRow {
	room := theRoom()
	return tamperedRow{Name: name, Reason: reason, Room: &room, Grants: []string{"first"}, step: step{Kind: "grant", Text: text}.at(0)}
}

func tamperedGrants() (rows []tamperedRow) {
	for _, m := range []string{`"alg":"EdDSA"`, `"typ":"portcullis-grant+jws"`, fmt.Sprintf(`"kid":%q`, ana.signID())} {
		name, _, _ := strings.Cut(m, ":")
		without := strings.NewReplacer("{,", "{", ",,", ",", ",}", "}").Replace(strings.Replace(next().header, m, "", 1))
		rows = append(rows,
			grantRow("grant without "+name, "form", next().head(next().header, without).text()),
			grantRow("grant with "+name+" twice", "form", next().head(m, m+","+m).text()),
		)
	}
	for _, m := range []string{`"tenant":"acme"`, `"channel":"room:1"`, fmt.Sprintf(`"key":%q`, kidOf(key4)), `"generation":4`, fmt.Sprintf(`"created":%d`, noon.Unix())} {
		name, _, _ := strings.Cut(m, ":")
		rows = append(rows,
			grantRow("grant of no "+name, "form", next().but(m+",", "").text()),
			grantRow("grant of two "+name, "form", next().but(m, m+","+m).text()),
			grantRow("grant of a list as "+name, "form", next().but(m, name+`:[1]`).text()),
		)
	}
	signedBy := func(g *grantText, sign func([]byte) []byte) string { g.sign = sign; return g.text() }
	cidEntry := next().payload[strings.Index(next().payload, `{"user":"cid"`):]
	cidEntry = cidEntry[:strings.Index(cidEntry, "}")+1]
	bare := next()
	bare.payload, _, _ = strings.Cut(bare.payload, `,"members"`)
	bare.payload += "}"
	return append(rows,
		grantRow("grant with alg none", "form", signedBy(next().head("EdDSA", "none"), byNobody)),
		grantRow("grant with HS256 and the public key as secret", "form", signedBy(next().head("EdDSA", "HS256"), byHS256(ana.public()))),
		grantRow("grant that is a message", "form", next().head("portcullis-grant+jws", "portcullis-message+jws").text()),
		grantRow("grant with crit", "form", next().head(`"alg"`, `"crit":["x"],"x":1,"alg"`).text()),
		grantRow("grant with an unknown member", "form", next().but(`"tenant"`, `"x":1,"tenant"`).text()),
		grantRow("grant with an unknown member of an entry", "form", next().but(`"user":"cid"`, `"user":"cid","x":1`).text()),
		grantRow("grant with an entry twice", "form", next().but(`"members":[`, `"members":[`+cidEntry+",").text()),
		grantRow("grant without members", "form", bare.text()),
		grantRow("grant for nobody", "form", gives(key4, 4, noon).text()),
		grantRow("grant of generation 0", "form", next().but(`"generation":4`, `"generation":0`).text()),
		grantRow("grant of generation 4.0", "form", next().but(`"generation":4`, `"generation":4.0`).text()),
		grantRow("grant of generation 2^53", "form", next().but(`"generation":4`, `"generation":9007199254740992`).text()),
		grantRow("grant created at a fraction", "form", next().but(fmt.Sprintf(`"created":%d`, noon.Unix()), fmt.Sprintf(`"created":%d.5`, noon.Unix())).text()),
		grantRow("grant of two parts", "form", strings.Join(strings.Split(next().text(), ".")[:2], ".")),
		grantRow("grant with a line end", "form", next().text()+"\n"),
		grantRow("grant with spare bits in its signature", "form", part(next().text(), 2, spare)),
		grantRow("grant of another tenant", "tenant", next().but("acme", "globex").text()),
		grantRow("grant of another channel", "channel", next().but("room:1", "room:2").text()),
		grantRow("grant by a member who is no distributor", "distributor", givesIn(ben, room1, key4, 4, noon, ana, ben, cid).text()),
		grantRow("grant by somebody who is not known", "distributor", givesIn(pat, room1, key4, 4, noon, ana, ben, cid).text()),
		grantRow("grant of an impostor", "signature", signedBy(next(), byEdDSA(ben.sign))),
		grantRow("grant with its signature flipped", "signature", flip(next().text(), 2)),
		grantRow("grant with a member put in", "signature", part(next().text(), 1, func(string) string { return b64([]byte(gives(key4, 4, noon, ana, ben, cid, eve).payload)) })),
		expiredDistributor(),
		grantRow("grant from the future", "expired", gives(key4, 4, noon.Add(61*time.Second), ana, ben, cid).text()),
		grantRow("grant that goes back: the generation with another key", "rollback", gives(key4, 1, noon, ana, ben, cid).text()),
		grantRow("grant that goes back: the generation with other members", "rollback", gives(key1, 1, noon, ana, cid).text()),
		grantRow("grant that goes back: the key of before as a new generation", "rollback", gives(key1, 2, noon, ana, cid).text()),
	)
}

// expiredDistributor is a grant by dan, a distributor in that room, whose assertion ended.
func expiredDistributor() tamperedRow {
	r := grantRow("grant by a distributor whose assertion ended", "expired", givesIn(dan, room1, key4, 4, noon, ana, ben, cid).text())
	r.Room.Distributors = []string{"ana", "dan"}
	r.Now = noon.Add(90 * time.Second).Unix()
	return r
}

// What a distributor, or whoever took its place, wraps.
func tamperedWraps() []tamperedRow {
	entry := func(user, sign, to, wrapped string) string {
		return fmt.Sprintf(`{"user":%q,"sign":%q,"to":%q,"wrapped":%q}`, user, sign, to, wrapped)
	}
	with := func(e string) string {
		g := gives(key4, 4, noon, ana)
		return g.but(`"members":[`, `"members":[`+e+",").text()
	}
	wrapFor := func(key []byte, channel string, generation uint64, user string, to person) string {
		_, wrapped := wrap(key, channel, kidOf(key4), generation, user, to)
		return wrapped
	}
	right := wrapFor(key4, room1, 4, "cid", cid)
	return []tamperedRow{
		grantRow("no entry for me", "not_member", gives(key4, 4, noon, ana, ben).text()),
		grantRow("an entry for another key of mine", "not_member", with(entry("cid", cid.signID(), ben.agreeID(), right))),
		grantRow("an entry for another signature of mine", "not_member", with(entry("cid", ben.signID(), cid.agreeID(), right))),
		grantRow("an entry for my keys as another", "not_member", with(entry("ben", cid.signID(), cid.agreeID(), right))),
		grantRow("a wrap for somebody else", "tampered", with(entry("cid", cid.signID(), cid.agreeID(), wrapFor(key4, room1, 4, "ben", ben)))),
		grantRow("a wrap for me as somebody else", "tampered", with(entry("cid", cid.signID(), cid.agreeID(), wrapFor(key4, room1, 4, "ben", cid)))),
		grantRow("a wrap of another room", "tampered", with(entry("cid", cid.signID(), cid.agreeID(), wrapFor(key4, "room:2", 4, "cid", cid)))),
		grantRow("a wrap of another generation", "tampered", with(entry("cid", cid.signID(), cid.agreeID(), wrapFor(key4, room1, 3, "cid", cid)))),
		grantRow("a wrap that was flipped", "tampered", with(entry("cid", cid.signID(), cid.agreeID(), flip(right, 0)))),
		grantRow("a wrap whose public key is of low order", "tampered", with(entry("cid", cid.signID(), cid.agreeID(), b64(make([]byte, 80))))),
		grantRow("a wrap of 79 bytes", "form", with(entry("cid", cid.signID(), cid.agreeID(), b64(make([]byte, 79))))),
		grantRow("a wrap with spare bits", "form", with(entry("cid", cid.signID(), cid.agreeID(), spare(right)))),
		grantRow("a key that is not the one that is named", "key", with(entry("cid", cid.signID(), cid.agreeID(), wrapFor(key3, room1, 4, "cid", cid)))),
		grantRow("a key of 31 bytes", "form", with(entry("cid", cid.signID(), cid.agreeID(), wrapFor(key4[:31], room1, 4, "cid", cid)))),
	}
}
