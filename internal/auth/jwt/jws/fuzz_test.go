package jws_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	gojwt "github.com/golang-jwt/jwt/v5"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/jws"
)

// Whatever the bytes, Read either refuses them with a reason, or
//   - the three segments are the only spelling of what they decode to,
//   - golang-jwt's parser, which is lenient, reads the same header and the same claims,
//   - no header parameter that would choose the key or change the meaning is there,
//   - a walk with encoding/json finds no name twice in any object, and none in two cases on the outermost level,
//   - each grant has actions, and channels unless it is manage alone,
//   - subject and times are what the package promises.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		token(header, claims),
		token(`{"alg":"none"}`, claims),
		strings.TrimSuffix(token(`{"alg":"none"}`, claims), "c2ln"),
		token(header, with(`"SUB":"root"`)),
		token(header, instead("sub", `"\ud83d\ude00"`)),
		token(header, claims) + "\r\n",
		strings.Repeat(".", 100),
		"..",
		"e30.e30.",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) { promised(t, token) })
}

// The same, for the two texts inside a token: mutating base64 seldom gives JSON.
func FuzzReadText(f *testing.F) {
	for _, seed := range [][2]string{
		{header, claims},
		{`{"alg":"RS256","x5t":"a","kid":"a+/="}`, with(`"scp":"a b","roles":["a"],"x":{"y":[1,-2.5e3,true,null,{}]}`)},
		{`{"\u0061lg":"ES256"}`, instead("sub", `"a\u00e9\ud83d\ude00\\\""`)},
		{header, instead("exp", `1767225600.123456789`)},
		{header, instead("exp", `9e18`)},
		{header, with(`"cnf":null,"nbf":0,"aud ":{}`)},
		{header, with(`"a":{"b":1,"b":2}`)},
		{header, with(`"ſub":1`)},
		{header, with(`"authorization_details":[{"type":"x"},{"type":"portcullis_channel","actions":["publish"],"channels":["room:*"],"locations":["a"]}]`)},
		{header, with(`"authorization_details":[{"type":"portcullis_channel","actions":["manage"]},{}]`)},
		{" {\t\"alg\" : \"ES256\"\n} ", strings.ReplaceAll(claims, ":", " : ")},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, header, claims string) { promised(t, token(header, claims)) })
}

func promised(t *testing.T, token string) {
	got, err := jws.Read(token)
	found := jws.Inspect(token).Findings
	if err != nil {
		if auth.ReasonOf(err) == "" || got != nil {
			t.Fatalf("got %v and an error without a reason: %v", got, err)
		}
		if len(found) == 0 {
			t.Fatalf("Read refuses it (%v), Inspect finds nothing", err)
		}
		return
	}
	if len(found) != 0 {
		t.Fatalf("Read takes it, Inspect finds %v", found)
	}
	texts := spelledOnce(t, token)
	agreesWithLibrary(t, token, got)
	for _, text := range texts {
		decoder := json.NewDecoder(strings.NewReader(text))
		distinct(t, decoder, 1)
		if decoder.More() {
			t.Fatalf("%q has more than one value", text)
		}
	}
	c := got.Claims
	for _, g := range c.Granted {
		if len(g.Actions) == 0 || (len(g.Channels) == 0) != slices.Equal(g.Actions, []string{auth.OnTenant}) {
			t.Fatalf("got the grant %+v", g)
		}
	}
	if c.Issuer == "" || c.Subject == "" || !utf8.ValidString(c.Subject) || strings.ContainsFunc(c.Subject, unicode.IsControl) {
		t.Fatalf("got iss %q, sub %q", c.Issuer, c.Subject)
	}
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for _, at := range []time.Time{c.Expires, c.NotBefore, c.IssuedAt} {
		if !at.IsZero() && (at.Before(time.Unix(0, 0)) || at.After(last)) {
			t.Fatalf("got time %v", at)
		}
	}
}

// spelledOnce encodes the segments again, and returns the header and the claims.
func spelledOnce(t *testing.T, token string) []string {
	var texts, again []string
	for segment := range strings.SplitSeq(token, ".") {
		text, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
		again = append(again, authtest.Segment(string(text)))
	}
	if strings.Join(again, ".") != token {
		t.Fatalf("%q and %q mean the same", token, strings.Join(again, "."))
	}
	return texts[:2]
}

func agreesWithLibrary(t *testing.T, token string, got *jws.Token) {
	want := gojwt.MapClaims{}
	parsed, segments, err := gojwt.NewParser(gojwt.WithJSONNumber(), gojwt.WithStrictDecoding()).ParseUnverified(token, want)
	if err != nil && !errors.Is(err, gojwt.ErrTokenUnverifiable) { // that is an alg which the library does not know
		t.Fatalf("golang-jwt: %v", err)
	}
	if got.Signed != segments[0]+"."+segments[1] {
		t.Fatalf("got %q signed", got.Signed)
	}
	alg, _ := parsed.Header["alg"].(string)
	typ, _ := parsed.Header["typ"].(string)
	kid, _ := parsed.Header["kid"].(string)
	if h := (jws.Header{Algorithm: alg, Type: typ, KeyID: kid}); got.Header != h {
		t.Fatalf("got header %+v, golang-jwt reads %+v", got.Header, h)
	}
	for _, name := range []string{"crit", "b64", "zip", "jwk", "jku", "x5c", "x5u"} {
		if v, there := parsed.Header[name]; there {
			t.Fatalf("the header has %s: %v", name, v)
		}
	}
	read := make(map[string]any)
	for _, m := range got.Claims.All {
		read[m.Name] = plain(m.Value)
	}
	if !reflect.DeepEqual(read, map[string]any(want)) {
		t.Fatalf("got claims %v, golang-jwt reads %v", read, want)
	}
	if iss, sub := want["iss"], want["sub"]; iss != got.Claims.Issuer || sub != got.Claims.Subject {
		t.Fatalf("got iss %q, sub %q; golang-jwt reads %q, %q", got.Claims.Issuer, got.Claims.Subject, iss, sub)
	}
	exp, err := want["exp"].(json.Number).Float64()
	if diff := exp - float64(got.Claims.Expires.UnixNano()/1e3)/1e6; got.Claims.Expires.Year() < 2200 && (err != nil || diff > 1e-3 || diff < -1e-3) {
		t.Fatalf("got exp %v, golang-jwt reads %v", got.Claims.Expires, want["exp"])
	}
	if _, bound := want["cnf"]; bound != got.Claims.Bound.There {
		t.Fatalf("got bound %v, golang-jwt reads cnf %v", got.Claims.Bound, want["cnf"])
	}
}

// plain is v as encoding/json would have it, through the accessors of Value alone where there is one.
func plain(v jws.Value) any {
	switch {
	case v.IsNull():
		return nil
	case v.IsList():
		list := []any{}
		for element := range v.Elements() {
			list = append(list, plain(element))
		}
		return list
	}
	if text, ok := v.Text(); ok {
		return text
	}
	var other any
	decoder := json.NewDecoder(strings.NewReader(string(v)))
	decoder.UseNumber()
	_ = decoder.Decode(&other)
	return other
}

// distinct walks over the next value of d.
func distinct(t *testing.T, d *json.Decoder, depth int) {
	first, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	if first != json.Delim('{') && first != json.Delim('[') {
		return
	}
	if depth > 8 {
		t.Fatalf("%d deep", depth)
	}
	var names []string
	for d.More() {
		if first == json.Delim('{') {
			name, _ := d.Token()
			for _, other := range names {
				if other == name || depth == 1 && strings.EqualFold(other, name.(string)) {
					t.Fatalf("%q beside %q", name, other)
				}
			}
			names = append(names, name.(string))
		}
		distinct(t, d, depth+1)
	}
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
}

// Whatever the bytes, ReadProof refuses them with a reason, or every claim that a proof must have is there within its bounds, and nothing but its own key could be meant.
func FuzzReadProof(f *testing.F) {
	const proofHeader = `{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"a","y":"b"}}`
	const proofClaims = `{"jti":"a","htm":"POST","htu":"https://gw/v1/tickets","iat":1767225600,"ath":"x"}`
	f.Add(proofHeader, proofClaims)
	f.Add(`{"typ":"dpop+jwt","alg":"ES256","jwk":{},"jku":"https://evil"}`, proofClaims)
	f.Add(proofHeader, `{"jti":1,"iat":9e18}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		p, err := jws.ReadProof(token(header, claims))
		if err != nil {
			if auth.ReasonOf(err) == "" || p != nil {
				t.Fatalf("got %v and an error without a reason: %v", p, err)
			}
			return
		}
		if p.ID == "" || len(p.ID) > 128 || p.Method == "" || p.Target == "" || p.TokenHash == "" || p.Issued.IsZero() || !p.Key.IsObject() || p.Algorithm == "" {
			t.Fatalf("got %+v", p)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(header), &members); err != nil {
			t.Fatalf("%s was read: %v", header, err)
		}
		for _, name := range []string{"crit", "jku", "x5u", "x5c", "b64", "zip"} {
			if _, there := members[name]; there {
				t.Fatalf("a proof with %s was read", name)
			}
		}
	})
}

// Whatever the bytes, ReadEvent refuses them with a reason, or they report exactly one event, to somebody, with an id and a time, and no header chooses its own key.
func FuzzReadEvent(f *testing.F) {
	const logout = `{"iss":"https://id","aud":"c","iat":1767225600,"exp":1767225700,"jti":"a","sid":"s","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`
	f.Add(`{"alg":"ES256","typ":"logout+jwt"}`, logout)
	f.Add(`{"alg":"ES256","typ":"secevent+jwt"}`, `{"iss":"https://id","aud":["c"],"iat":1,"jti":"a","events":{"x":{}},"sub_id":{"format":"complex","user":{}}}`)
	f.Add(`{"alg":"none"}`, strings.Replace(logout, "{}", "1", 1))
	f.Fuzz(func(t *testing.T, header, claims string) {
		e, err := jws.ReadEvent(token(header, claims))
		if err != nil {
			if auth.ReasonOf(err) == "" {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		if e.ID == "" || e.IssuedAt.IsZero() || e.Issuer == "" || len(e.Audience) == 0 || len(e.Events) != 1 || !e.Events[0].Value.IsObject() {
			t.Fatalf("got %+v", e)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(header), &members); err != nil {
			t.Fatalf("%s was read: %v", header, err)
		}
		for _, name := range []string{"crit", "jwk", "jku", "x5u", "x5c", "b64", "zip"} {
			if _, there := members[name]; there {
				t.Fatalf("an event with %s was read", name)
			}
		}
	})
}
