package e2ee_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"portcullis/client/e2ee"
)

// exact reads JSON as most programs do, and reports whether an object has these names alone.
func exact(text []byte, names ...string) (map[string]any, bool) {
	var o map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if !utf8.Valid(text) || decoder.Decode(&o) != nil {
		return nil, false
	}
	return o, slices.Equal(slices.Sorted(maps.Keys(o)), slices.Sorted(slices.Values(names)))
}

// What opens says what it must for any reader of JSON, is signed by whom the gateway names, and opens once. The input is what a member can make of a message: both headers and the plaintext.
func FuzzOpen(f *testing.F) {
	right := said(ben, key1, 1, "hello")
	f.Add(right.outer, right.inner, []byte("hello"), true)
	f.Add(right.outer, strings.Replace(right.inner, `"counter":1`, `"counter":1e0`, 1), []byte("hello"), true)
	f.Add(strings.Replace(right.outer, `"alg"`, `"alg":"dir","alg"`, 1), right.inner, []byte("hello"), true)
	f.Add(strings.Replace(right.outer, "room:1", `room\u003a1`, 1), right.inner, []byte{}, true)
	f.Add(right.outer, right.inner, []byte("hello"), false)
	// Members are verified at their own time.
	issuer, identity := believed(f), must(e2ee.ParseIdentity([]byte(cid.identity())))
	members := []e2ee.Member{fresh(f, issuer, ana), fresh(f, issuer, ben)}
	grant := gives(key1, 1, time.Now(), ana, ben, cid).text()
	f.Fuzz(func(t *testing.T, outer, inner string, plaintext []byte, signs bool) {
		room := roomOf(t, identity, members, grant)
		s := said(ben, key1, 1, "")
		s.outer, s.inner, s.plaintext = outer, inner, plaintext
		if !signs {
			s.sign = byEdDSA(mal.sign)
		}
		m := delivered(s.text(), ben)
		got, err := room.Open(m)
		if err != nil {
			return
		}
		o, there := exact([]byte(outer), "alg", "enc", "kid", "tenant", "channel", "cty")
		if !there || o["alg"] != "dir" || o["enc"] != "A256GCM" || o["kid"] != kidOf(key1) || o["tenant"] != tenantID || o["channel"] != room1 || o["cty"] != "JWS" {
			t.Errorf("it opened with the header %s", outer)
		}
		i, there := exact([]byte(inner), "alg", "typ", "kid", "tenant", "channel", "user", "key", "session", "counter")
		if !there || i["alg"] != "EdDSA" || i["kid"] != ben.signID() || i["tenant"] != tenantID || i["channel"] != room1 || i["user"] != "ben" || i["key"] != kidOf(key1) {
			t.Errorf("it opened with the statement %s", inner)
		}
		if !signs || !bytes.Equal(got, plaintext) {
			t.Errorf("got %q, want %q, signed by ben", got, plaintext)
		}
		if _, err := room.Open(m); err == nil {
			t.Error("it opened twice")
		}
	})
}

// What is accepted was signed by ana, is for this room, and gives the key that it names to whom it lists. The input is what a distributor can sign, or an impostor.
func FuzzAccept(f *testing.F) {
	right := gives(key2, 2, time.Now(), ana, ben, cid)
	f.Add(right.header, right.payload, true)
	f.Add(right.header, right.payload, false)
	f.Add(right.header, strings.Replace(right.payload, `"generation":2`, `"generation":2.0`, 1), true)
	f.Add(right.header, strings.Replace(right.payload, `"user":"ben"`, `"user":"ben","user":"eve"`, 1), true)
	f.Add(strings.Replace(right.header, "EdDSA", "none", 1), right.payload, true)
	issuer, identity := believed(f), must(e2ee.ParseIdentity([]byte(cid.identity())))
	members := []e2ee.Member{fresh(f, issuer, ana), fresh(f, issuer, ben)}
	grant := gives(key1, 1, time.Now(), ana, ben, cid).text()
	f.Fuzz(func(t *testing.T, header, payload string, signs bool) {
		room := roomOf(t, identity, members, grant)
		g := &grantText{header, payload, byEdDSA(ana.sign)}
		if !signs {
			g.sign = byEdDSA(mal.sign)
		}
		if err := room.Accept(g.text()); err != nil {
			return
		}
		h, there := exact([]byte(header), "alg", "typ", "kid")
		if !signs || !there || h["alg"] != "EdDSA" || h["kid"] != ana.signID() {
			t.Errorf("it was accepted with the header %s", header)
		}
		p, there := exact([]byte(payload), "tenant", "channel", "key", "generation", "created", "members")
		if !there || p["tenant"] != tenantID || p["channel"] != room1 {
			t.Errorf("it was accepted with %s", payload)
		}
		if p["key"] != kidOf(key2) { // no other key was ever wrapped for cid
			t.Errorf("it was accepted with the key %v", p["key"])
		}
	})
}

// What is verified has the issuer's signature, and says of whom, for whom and until when to any reader of JSON. The input is what the issuer can sign, or somebody else.
func FuzzVerify(f *testing.F) {
	right := lasting(ana)
	f.Add(right.header, right.claims, true)
	f.Add(right.header, right.claims, false)
	f.Add(strings.Replace(right.header, "EdDSA", "HS256", 1), right.claims, true)
	f.Add(right.header, strings.Replace(right.claims, `"sub"`, `"sub":"eve","sub"`, 1), true)
	f.Add(right.header, strings.Replace(right.claims, `"ana"`, `"an\ud800a"`, 1), true)
	issuer := believed(f)
	f.Fuzz(func(t *testing.T, header, claims string, signs bool) {
		v := &vouches{header, claims, byEdDSA(issuerEd)}
		if !signs {
			v.sign = byEdDSA(mal.sign)
		}
		m, err := issuer.Verify(t.Context(), v.text())
		if err != nil {
			return
		}
		var h struct{ Alg, Typ, Kid string }
		var c struct {
			Iss, Sub, Tenant string
			Exp              int64
			Keys             []map[string]any
		}
		if json.Unmarshal([]byte(header), &h) != nil || json.Unmarshal([]byte(claims), &c) != nil {
			t.Fatalf("it was verified with %s and %s, which encoding/json cannot read", header, claims)
		}
		if !signs || h.Alg != "EdDSA" || !strings.EqualFold(h.Typ, "e2ee-key+jwt") || h.Kid != "ed" {
			t.Errorf("it was verified with the header %s", header)
		}
		if c.Iss != issuerID || c.Tenant != tenantID || c.Sub != m.User() || c.Exp != m.Expires().Unix() || len(c.Keys) != 2 || c.Keys[0]["d"] != nil || c.Keys[1]["d"] != nil {
			t.Errorf("it was verified with the claims %s, as %s until %v", claims, m.User(), m.Expires())
		}
	})
}

// Whatever the package reads as an object, encoding/json reads as the same members, and there is one of each name.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"b":[{"c":"d"}]}`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`, `{"\ud800":1}`, `{"\u0061":1,"a":2}`, ` { "a" : "}\"" , "b":null} `, `[1]`, "{\"\xff\":1}", `{"a":"\ud83d\udd11"}`,
		`{"a":[1,[2,{"x":[]}]],"b":-0.5e+7}`, `{"a":tru}`, `{}{}`, many(20, ""), many(20, `,"m7":1`)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := e2ee.Members(text)
		if !ok {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q is no object for encoding/json: %v", text, err)
		}
		if len(got) != len(want) {
			t.Fatalf("got %d members %q, want %d", len(got), got, len(want))
		}
		for name, value := range want {
			if got[name] != string(value) {
				t.Errorf("%q: got %s, want %s", name, got[name], value)
			}
		}
	})
}

// many is an object of n members and what more there is.
func many(n int, more string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"m%d":%d`, i, i)
	}
	return "{" + strings.Join(list, ",") + more + "}"
}

// Two readers would take these texts for two things, or one of them would fall over.
func TestTextsThatReadersUnderstandDifferently(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"an object":                      {`{"a":1}`, true},
		"twenty members":                 {many(20, ""), true},
		"a name twice":                   {`{"a":1,"a":1}`, false},
		"a name twice among twenty":      {many(20, `,"m7":7`), false},
		"a name twice, once with escape": {`{"a":1,"\u0061":1}`, false},
		"a name twice inside":            {`{"x":[{"a":1,"a":1}]}`, false},
		"half a surrogate in a name":     {`{"\ud800":1}`, false},
		"half a surrogate in a text":     {`{"a":"\udc00"}`, false},
		"halves in the wrong order":      {`{"a":"\udc00\ud800"}`, false},
		"half a surrogate in a list":     {`{"a":["\ud800x"]}`, false},
		"both halves":                    {`{"a":"\ud83d\udd11"}`, true},
		"a backslash before a u":         {`{"a":"\\ud800"}`, true},
		"no UTF-8":                       {"{\"a\":\"\xff\"}", false},
		"sixteen deep":                   {nested(16), true},
		"seventeen deep":                 {nested(17), false},
		"something behind it":            {`{}{}`, false},
		"a list":                         {`[]`, false},
		"nothing":                        {``, false},
		"white space":                    {` `, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := e2ee.Members([]byte(c.text)); ok != c.ok {
				t.Errorf("%s: got %v, want %v", c.text, ok, c.ok)
			}
		})
	}
}

// Every counter is taken once, and one that is new and at most 64 behind the highest is taken. The input are the counters, as steps from the highest.
func FuzzWindow(f *testing.F) {
	f.Add([]byte{200, 129, 129, 64, 63, 65, 128, 127, 255, 1, 0})
	f.Add([]byte{130, 66, 2, 2, 250, 128, 250, 128, 128})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var window e2ee.Window
		taken := make(map[int64]bool)
		highest := int64(0)
		for i, step := range steps {
			counter := highest + int64(step) - 128
			if counter < 1 {
				continue
			}
			want := !taken[counter] && counter >= highest-64
			if got := window.Take(uint64(counter)); got != want {
				t.Fatalf("step %d: counter %d with the highest %d: got %v, want %v", i, counter, highest, got, want)
			}
			if want {
				taken[counter] = true
				highest = max(highest, counter)
			}
		}
	})
}

// lasting is an assertion that counts now, whenever that is.
func lasting(p person) *vouches {
	v := vouch(p, day)
	now := time.Now().Unix()
	v.claims = strings.Replace(v.claims, v.claims[strings.Index(v.claims, `"iat"`):strings.Index(v.claims, `,"keys"`)],
		`"iat":`+string(must(json.Marshal(now)))+`,"exp":`+string(must(json.Marshal(now+300*86400))), 1)
	return v
}

func fresh(t testing.TB, issuer *e2ee.Issuer, p person) e2ee.Member {
	t.Helper()
	m, err := issuer.Verify(t.Context(), lasting(p).text())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// roomOf is room:1 as cid sees it.
func roomOf(t testing.TB, identity *e2ee.Identity, members []e2ee.Member, grant string) *e2ee.Room {
	t.Helper()
	room := must(e2ee.NewRoom(e2ee.RoomOptions{Tenant: tenantID, Channel: room1, User: "cid", Identity: identity, Distributors: []string{"ana"}}))
	for _, m := range members {
		if err := room.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	accept(t, grant, room)
	return room
}
