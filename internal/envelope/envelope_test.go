package envelope_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"portcullis/internal/channel"
	"portcullis/internal/envelope"
	"portcullis/internal/tenant"
)

const (
	key    = "5UqHu5HLqBVlA1zrpaJ9GXXu4yZGdLR2pHrxUVsGsdE"
	iv     = "AAECAwQFBgcICQoL"
	cipher = "c2VhbGVk"
	tag    = "AAECAwQFBgcICQoLDA0ODw"
	proper = `{"alg":"dir","enc":"A256GCM","kid":"` + key + `","tenant":"acme","channel":"room:1","cty":"JWS"}`
)

var room = channel.Ref{Tenant: tenant.MustParse("acme"), Name: channel.MustParse("room:1")}

func base64url(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// envelopeOf is data with a header.
func envelopeOf(header string) string { return data(base64url(header), "", iv, cipher, tag) }

func data(parts ...string) string { return `"` + strings.Join(parts, ".") + `"` }

// with is the proper header with something else in place of a part of it.
func with(old, new string) string {
	if strings.Count(proper, old) != 1 {
		panic("not once in the header: " + old)
	}
	return envelopeOf(strings.Replace(proper, old, new, 1))
}

var head = base64url(proper)

var cases = []struct {
	name, data string
	want       envelope.Flaw
}{
	{"an envelope", envelopeOf(proper), ""},
	{"one byte inside", data(head, "", iv, "AA", tag), ""},
	{"members in another order", envelopeOf(`{"cty":"JWS","channel":"room:1","tenant":"acme","kid":"` + key + `","enc":"A256GCM","alg":"dir"}`), ""},
	{"white space in the header", envelopeOf(" {\n\t\"alg\" : \"dir\" ,\r" + proper[len(`{"alg":"dir",`):] + " "), ""},
	{"escapes in the header", envelopeOf(`{"\u0061lg":"d\u0069r","enc":"A256GCM","kid":"` + key + `","tenant":"\u0061cme","channel":"room\u003A1","cty":"JWS"}`), ""},
	{"a header of 1024 bytes", envelopeOf(proper + strings.Repeat(" ", 1024-len(proper))), ""},

	{"an object", `{"text":"hi"}`, envelope.NoText},
	{"null", `null`, envelope.NoText},
	{"a quote alone", `"`, envelope.NoText},
	{"nothing", ``, envelope.NoText},
	{"an escape", `"` + `\u0065` + envelopeOf(proper)[2:], envelope.Escaped},
	{"plaintext", `"hello"`, envelope.Parts},
	{"an empty text", `""`, envelope.Parts},
	{"four parts", data(head, "", iv, cipher), envelope.Parts},
	{"six parts", data(head, "", iv, cipher, tag, ""), envelope.Parts},
	{"a JWS", data(head, cipher, tag), envelope.Parts},
	{"an encrypted key", data(head, "AAAA", iv, cipher, tag), envelope.Encrypted},

	{"a vector of 96 bits and one character", data(head, "", iv+"A", cipher, tag), envelope.Vector},
	{"a short vector", data(head, "", iv[1:], cipher, tag), envelope.Vector},
	{"a vector that is no base64url", data(head, "", iv[:15]+"+", cipher, tag), envelope.Vector},
	{"no vector", data(head, "", "", cipher, tag), envelope.Vector},
	{"no ciphertext", data(head, "", iv, "", tag), envelope.Cipher},
	{"a ciphertext that no bytes have", data(head, "", iv, cipher+"A", tag), envelope.Cipher},
	{"a ciphertext with bits behind its last byte", data(head, "", iv, "AB", tag), envelope.Cipher},
	{"a ciphertext with a line break", data(head, "", iv, "AA\n", tag), envelope.Cipher},
	{"a ciphertext in base64", data(head, "", iv, "AA+/", tag), envelope.Cipher},
	{"a ciphertext with padding", data(head, "", iv, "AA==", tag), envelope.Cipher},
	{"a ciphertext outside ASCII", data(head, "", iv, "zoëA", tag), envelope.Cipher},
	{"a long tag", data(head, "", iv, cipher, tag+"A"), envelope.Tag},
	{"a short tag", data(head, "", iv, cipher, tag[1:]), envelope.Tag},
	{"a tag with bits behind its last byte", data(head, "", iv, cipher, tag[:21]+"x"), envelope.Tag},

	{"no header", data("", "", iv, cipher, tag), envelope.Header},
	{"a header with padding", data(base64.URLEncoding.EncodeToString([]byte(proper+" "))+"=", "", iv, cipher, tag), envelope.Header},
	{"a header with bits behind its last byte", data(base64url(proper + "  ")[:len(base64url(proper+"  "))-1]+"B", "", iv, cipher, tag), envelope.Header},
	{"a header that is a list", envelopeOf(`["dir"]`), envelope.Header},
	{"a header of 1025 bytes", envelopeOf(proper + strings.Repeat(" ", 1025-len(proper))), envelope.Header},
	{"a header in plain JSON", `"{}..` + iv + "." + cipher + "." + tag + `"`, envelope.Header},

	{"an empty object", envelopeOf(`{}`), envelope.Members},
	{"a member less", with(`,"cty":"JWS"`, ``), envelope.Members},
	{"a member more", with(`,"cty"`, `,"zip":"DEF","cty"`), envelope.Members},
	{"a crit", with(`,"cty"`, `,"crit":["exp"],"cty"`), envelope.Members},
	{"a member twice", with(`,"cty"`, `,"alg":"dir","cty"`), envelope.Members},
	{"the channel twice, the right one last", with(`"channel"`, `"channel":"room:2","channel"`), envelope.Channel},
	{"the channel twice, the right one first", with(`"cty"`, `"channel":"room:2","cty"`), envelope.Channel},
	{"a member in capitals", with(`"alg"`, `"Alg"`), envelope.Members},
	{"a member twice, once with an escape", with(`,"cty"`, `,"al\u0067":"dir","cty"`), envelope.Members},
	{"another channel with an escape", with(`"room:1"`, `"room\u003a2"`), envelope.Channel},
	{"a channel and a character outside ASCII", with(`"room:1"`, `"room:1\u00e9"`), envelope.Channel},
	{"a channel and half a surrogate pair", with(`"room:1"`, `"room:1\ud83d"`), envelope.Channel},
	{"a channel and a line break", with(`"room:1"`, `"room:1\n"`), envelope.Channel},
	{"an escape of no character", with(`"room:1"`, `"room\x3a1"`), envelope.Members},
	{"an escape with three digits", with(`"room:1"`, `"room\u03a"`), envelope.Members},
	{"an escape with a sign", with(`"room:1"`, `"room\u+03a1"`), envelope.Members},
	{"an escape that does not end", envelopeOf(`{"alg":"\u00`), envelope.Members},
	{"a backslash at the end", envelopeOf(`{"alg":"\`), envelope.Members},
	{"a value that is a number", with(`"dir"`, `1`), envelope.Members},
	{"a value that is a list", with(`"room:1"`, `["room:1"]`), envelope.Members},
	{"a value that is null", with(`"acme"`, `null`), envelope.Members},
	{"a comma behind the last member", with(`"JWS"}`, `"JWS",}`), envelope.Members},
	{"no comma", with(`"dir",`, `"dir" `), envelope.Members},
	{"no colon", with(`"alg":`, `"alg" `), envelope.Members},
	{"something behind the object", envelopeOf(proper + `{}`), envelope.Members},
	{"an object that does not end", envelopeOf(proper[:len(proper)-1]), envelope.Members},
	{"a text that does not end", envelopeOf(proper[:len(proper)-2]), envelope.Members},

	{"no algorithm", with(`"dir"`, `"none"`), envelope.Algorithm},
	{"a wrapped key", with(`"dir"`, `"RSA-OAEP"`), envelope.Algorithm},
	{"another encryption", with(`"A256GCM"`, `"A128GCM"`), envelope.Algorithm},
	{"unsigned content", with(`"JWS"`, `"text/plain"`), envelope.Algorithm},
	{"a key's id that is too short", with(key, key[1:]), envelope.Key},
	{"a key's id that is too long", with(key, key+"A"), envelope.Key},
	{"a key's id with bits behind its last byte", with(key, key[:42]+"F"), envelope.Key},
	{"a key's id that is no base64url", with(key, "/"+key[1:]), envelope.Key},
	{"another tenant", with(`"acme"`, `"globex"`), envelope.Tenant},
	{"a tenant in capitals", with(`"acme"`, `"Acme"`), envelope.Tenant},
	{"no tenant", with(`"acme"`, `""`), envelope.Tenant},
	{"another channel", with(`"room:1"`, `"room:2"`), envelope.Channel},
	{"a pattern for a channel", with(`"room:1"`, `"room:*"`), envelope.Channel},
	{"a channel and a byte", with(`"room:1"`, "\"room:1\x00\""), envelope.Members},
}

func TestEachFlawIsNamed(t *testing.T) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			if got := envelope.Check([]byte(tt.data), room); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Each byte of an envelope stands for something: no other in its place is one for the same channel with the same header.
func TestNoByteOfTheFormCanBeAnother(t *testing.T) {
	good := []byte(envelopeOf(proper))
	for i := range good {
		for _, b := range []byte{0, '\n', ' ', '"', '+', '/', '=', '\\', 0x7f, 0x80, 0xff} {
			was := good[i]
			good[i] = b
			if flaw := envelope.Check(good, room); flaw == "" && b != was {
				t.Errorf("byte %d: %q in place of %q is an envelope too", i, b, was)
			}
			good[i] = was
		}
	}
}

// What is checked where messages are many costs no memory, however long they are and however their header is written.
func TestACheckAllocatesNothing(t *testing.T) {
	for name, header := range map[string]string{"as clients write it": proper, "with escapes": strings.Replace(proper, "room", `r\u006f\u006fm`, 1)} {
		long := []byte(data(base64url(header), "", iv, strings.Repeat("A", 64<<10), tag))
		if got := testing.AllocsPerRun(100, func() { envelope.Check(long, room) }); got != 0 || envelope.Check(long, room) != "" {
			t.Errorf("%s: got %v allocations and %q, want 0 and nothing", name, got, envelope.Check(long, room))
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, size := range map[string]int{"200 bytes": 200, "64 KiB": 64 << 10} {
		b.Run(name, func(b *testing.B) {
			text := []byte(data(head, "", iv, strings.Repeat("A", size), tag))
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if flaw := envelope.Check(text, room); flaw != "" {
					b.Fatal(flaw)
				}
			}
		})
	}
}
