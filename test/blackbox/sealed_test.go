package blackbox_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// sealing is what a tenant asks for in its vaults; elsewhere messages may be encrypted.
const sealing = `channels:
  - { match: "vault:*", encryption: required, history: { messages: 100, ttl: 1m } }
  - { match: "room:kept:**", history: { messages: 100, ttl: 1m } }
`

var vaults = tenantOptions{limits: noRates, more: sealing, rules: `
- { name: members talk in vaults, allow: [publish, subscribe, echo, history], channels: ["vault:*"], for: { roles: [member] } }
- { name: members read, allow: [history], channels: ["room:kept:**"], for: { roles: [member] } }
`}

// sealed is a gateway whose tenants have vaults.
func sealed(t *testing.T) *gateway { return share(t, "sealed", options{acme: vaults, globex: vaults}) }

func base64url(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// headerOf is the protected header of an envelope.
func headerOf(tenant, channel string) string {
	return fmt.Sprintf(`{"alg":"dir","enc":"A256GCM","kid":"%s","tenant":%q,"channel":%q,"cty":"JWS"}`, strings.Repeat("k", 42)+"A", tenant, channel)
}

// envelope is a JWE in its compact form with that header, and content that nobody else has.
func envelope(header string) string {
	return secret(base64url(header) + ".." + base64url(rand.Text()[:12]) + "." + base64url("inside "+rand.Text()) + "." + base64url(rand.Text()[:16]))
}

// tampered is an envelope for the channel one of whose parts is another.
func tampered(channel string, part int, with string) string {
	parts := strings.Split(envelope(headerOf("acme", channel)), ".")
	parts[part] = with
	return strings.Join(parts, ".")
}

// Nothing but an envelope for this tenant and channel comes through an encrypted channel, on no way; the answer says what is wrong, and none of it is heard, kept, logged or repeated.
func TestPlaintextOnAnEncryptedChannel(t *testing.T) {
	g := sealed(t)
	vault, token := "vault:"+someone(""), acme.token("ana", roles("member"))
	ana, bob := g.dial(t, token), g.dial(t, acme.token("bob", roles("member")))
	bob.does(`{"type":"subscribe","id":1,"channel":%q}`, vault)
	with := func(old, now string) string {
		return envelope(strings.Replace(headerOf("acme", vault), old, now, 1))
	}
	quoted := func(text string) string { return fmt.Sprintf(`"data":%q,"encryption":"jwe"`, text) }
	good := envelope(headerOf("acme", vault))
	for _, tt := range []struct{ name, members, says string }{
		{"plaintext", `"data":"` + secret("in the clear "+rand.Text()) + `"`, "encryption is missing"},
		{"an object", `"data":{"text":"hi"},"encryption":"jwe"`, "no text"},
		{"plaintext that says it is not", quoted("hello, vault"), "five parts"},
		{"an envelope that does not say so", fmt.Sprintf(`"data":%q`, good), "encryption is missing"},
		{"bytes", `"base64":"aGVsbG8="`, "base64"},
		{"bytes that say they are an envelope", `"base64":"aGVsbG8=","encryption":"jwe"`, "base64"},
		{"an envelope with an escape", `"data":"\u0065` + good[1:] + `","encryption":"jwe"`, "escapes"},
		{"four parts", quoted(strings.Join(strings.Split(good, ".")[:4], ".")), "five parts"},
		{"six parts", quoted(good + "."), "five parts"},
		{"an encrypted key", quoted(tampered(vault, 1, "AAAA")), "second part"},
		{"a short vector", quoted(tampered(vault, 2, "AAAA")), "third part"},
		{"no ciphertext", quoted(tampered(vault, 3, "")), "fourth part"},
		{"a ciphertext with padding", quoted(tampered(vault, 3, "AA==")), "fourth part"},
		{"a ciphertext with bits behind its last byte", quoted(tampered(vault, 3, "AB")), "fourth part"},
		{"a short tag", quoted(tampered(vault, 4, "AAAA")), "fifth part"},
		{"a header that is none", quoted(tampered(vault, 0, base64url("x"))), "first part"},
		{"a header of 1025 bytes", quoted(envelope(headerOf("acme", vault) + strings.Repeat(" ", 1025-len(headerOf("acme", vault))))), "first part"},
		{"a member more", quoted(with(`"cty"`, `"zip":"DEF","cty"`)), "exactly the members"},
		{"a member less", quoted(with(`,"cty":"JWS"`, ``)), "exactly the members"},
		{"a member twice", quoted(with(`"cty"`, `"enc":"A256GCM","cty"`)), "exactly the members"},
		{"no algorithm", quoted(with(`"dir"`, `"none"`)), "alg"},
		{"another encryption", quoted(with(`A256GCM`, `A128GCM`)), "enc"},
		{"content that is not signed", quoted(with(`JWS`, `text/plain`)), "cty"},
		{"a key's id that is none", quoted(with(`kkk`, `k`)), "kid"},
		{"another tenant", quoted(envelope(headerOf("globex", vault))), "tenant"},
		{"another channel", quoted(envelope(headerOf("acme", "vault:other"))), "channel"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refused := g.mark(t, "portcullis_command_errors_total", "command", "publish", "code", "encryption_required")
			answers := map[string]string{
				"publish": ana.mayNot("encryption_required", `{"type":"publish","id":1,"channel":%q,%s}`, vault, tt.members)["message"].(string),
				"HTTP":    g.unsealed(t, g.publication(token, vault, "{"+tt.members+"}")),
				"batch":   g.batched(t, token, fmt.Sprintf(`{"channel":%q,%s}`, vault, tt.members)),
			}
			refused.moved(t, 1)
			if !strings.Contains(tt.members, `"base64"`) { // which an echo does not know
				answers["echo"] = ana.mayNot("encryption_required", `{"type":"echo","id":2,"channel":%q,%s}`, vault, tt.members)["message"].(string)
			}
			for way, says := range answers {
				if text, is := leaked(says); is || !strings.Contains(says, tt.says) || !strings.HasPrefix(says, vault+" takes only what is end-to-end encrypted: ") || !strings.Contains(says, "; ") {
					t.Errorf("%s says %q (%s), want %q, a remedy, and nothing of what was sent", way, says, text, tt.says)
				}
			}
		})
	}
	ana.does(`{"type":"publish","id":3,"channel":%q,%s}`, vault, quoted(good))
	if got := bob.hear(); got["data"] != good {
		t.Errorf("bob heard %v, want nothing but the envelope", got)
	}
	if p := g.reads(t, token, vault, ""); len(p.Messages) != 1 {
		t.Errorf("%v is kept, want nothing but the envelope", p.Messages)
	}
}

// unsealed wants 422, and returns what it says.
func (g *gateway) unsealed(t *testing.T, raw string) string {
	t.Helper()
	a := g.asks(t, raw)
	p, err := a.problem()
	if err != nil || a.status != http.StatusUnprocessableEntity || p.Code != "encryption_required" {
		t.Errorf("got %d %s, want 422 encryption_required", a.status, a.body)
	}
	return p.Detail
}

// batched wants the same of one message of a batch.
func (g *gateway) batched(t *testing.T, token, item string) string {
	t.Helper()
	a := g.asks(t, g.post("/v1/messages/batch", "application/json", `{"messages":[`+item+`]}`, bearer(token)))
	var said struct {
		Results []struct {
			Problem struct {
				Status       int
				Code, Detail string
			}
		}
	}
	if err := a.into(&said); err != nil || a.status != http.StatusOK || len(said.Results) != 1 || said.Results[0].Problem.Code != "encryption_required" || said.Results[0].Problem.Status != 422 {
		t.Fatalf("got %d %s, want a result of 422 encryption_required", a.status, a.body)
	}
	return said.Results[0].Problem.Detail
}

// A CloudEvent cannot say that its data is encrypted, and is refused whatever it holds. Elsewhere it is what it was.
func TestACloudEventOnAnEncryptedChannel(t *testing.T) {
	g := sealed(t)
	vault, token := "vault:"+someone(""), acme.token("ana", roles("member"))
	text := envelope(headerOf("acme", vault))
	for _, raw := range []string{
		g.post("/v1/events", oneEvent, event("1", vault, fmt.Sprintf(`,"data":%q`, text)), bearer(token)),
		g.post("/v1/events", oneEvent, event("2", vault, `,"data_base64":"AAH/"`), bearer(token)),
		g.post("/v1/events", oneEvent, event("3", vault, fmt.Sprintf(`,"data":%q,"encryption":"jwe"`, text)), bearer(token)),
		g.post("/v1/events", "text/plain", "hi", append(headed("4", vault), bearer(token))...),
		g.post("/v1/events", "application/json", `"`+text+`"`, append(headed("5", vault, "ce-encryption: jwe"), bearer(token))...),
	} {
		g.unsealed(t, raw)
	}
	a := g.asks(t, g.post("/v1/events", manyEvents, "["+event("6", vault, `,"data":1`)+","+event("7", "room:plain", `,"data":1`)+"]", bearer(token)))
	if !strings.Contains(a.body, `"code":"encryption_required"`) || !strings.Contains(a.body, `{"channel":"room:plain"}`) {
		t.Errorf("got %d %s, want one refused and one said", a.status, a.body)
	}
	if p := g.reads(t, token, vault, ""); len(p.Messages) != 0 {
		t.Errorf("%v is kept", p.Messages)
	}
}

// What encryption is has one name, and what says that it is encrypted has the form on every channel.
func TestAWrongFormWhereNothingIsRequired(t *testing.T) {
	g := sealed(t)
	room, token := "room:kept:"+someone(""), acme.token("ana", roles("member"))
	ana := g.dial(t, token)
	for _, value := range []string{`"JWE"`, `"jwe "`, `"pgp"`, `""`, `null`, `true`, `1`, `["jwe"]`, `{"jwe":1}`} {
		members := `"data":"x","encryption":` + value
		for _, verb := range []string{"publish", "echo"} {
			if got := ana.mayNot("bad_request", `{"type":%q,"id":1,"channel":%q,%s}`, verb, room, members); !strings.Contains(got["message"].(string), "encryption "+value+" is not known; send \"jwe\"") {
				t.Errorf("%s: got %v, want the value and the remedy", verb, got)
			}
		}
		a := g.asks(t, g.publication(token, room, "{"+members+"}"))
		if p, err := a.problem(); err != nil || a.status != 400 || !strings.Contains(p.Detail, "encryption "+value+" is not known; send \"jwe\"") {
			t.Errorf("%s over HTTP: got %d %s", value, a.status, a.body)
		}
	}
	for _, members := range []string{`"data":"hello","encryption":"jwe"`, `"base64":"aGk=","encryption":"jwe"`, fmt.Sprintf(`"data":%q,"encryption":"jwe"`, envelope(headerOf("acme", "room:kept:other"))), fmt.Sprintf(`"data":%q,"encryption":"jwe"`, envelope(headerOf("globex", room)))} {
		if got := ana.mayNot("bad_request", `{"type":"publish","id":2,"channel":%q,%s}`, room, members); !strings.HasSuffix(got["message"].(string), "; or leave encryption out") {
			t.Errorf("got %v, want the remedy", got)
		}
		g.asks(t, g.publication(token, room, "{"+members+"}")).wants(t, 400, "bad_request")
	}
	if p := g.reads(t, token, room, ""); len(p.Messages) != 0 {
		t.Errorf("%v is kept", p.Messages)
	}
}

// An envelope of one tenant or room is nothing in another, whoever carries it there; and rights come first, so that no answer says which channels are encrypted.
func TestAnEnvelopeOfAnotherRoomOrTenant(t *testing.T) {
	g := sealed(t)
	vault := "vault:" + someone("")
	mallory := g.dial(t, globex.token("mallory", roles("member")))
	ours := envelope(headerOf("acme", vault))
	mallory.mayNot("encryption_required", `{"type":"publish","id":1,"channel":%q,"data":%q,"encryption":"jwe"}`, vault, ours)
	eve := g.dial(t, acme.token("eve", roles("guest")))
	for i, data := range []string{`"x"`, fmt.Sprintf(`%q,"encryption":"jwe"`, ours), `"x","encryption":"jwe"`} {
		for _, verb := range []string{"publish", "echo"} {
			for _, channel := range []string{vault, "ops:x"} {
				if got, want := eve.mayNot("forbidden", `{"type":%q,"id":%d,"channel":%q,"data":%s}`, verb, i+1, channel, data)["message"], verb+" on "+channel+" is not allowed"; got != want {
					t.Errorf("got %v, want %q", got, want)
				}
			}
		}
	}
	for _, body := range []string{`{"data":1}`, `{"base64":"aGk="}`} {
		g.asks(t, g.publication(acme.token("eve"), vault, body)).wants(t, 403, "forbidden")
	}
}

// Byte for byte, with the sender and the channel that the gateway knows: live, in both histories, in a recovery, over HTTP and out of a batch; and a repetition must be sealed too.
func TestASealedMessageReachesItsReadersUnchanged(t *testing.T) {
	g := sealed(t)
	for _, room := range []string{"vault:" + someone(""), "room:kept:" + someone("")} {
		token := acme.token("ana", roles("member"))
		ana, bob := g.dial(t, token), g.dial(t, acme.token("bob", roles("member")))
		begun := bob.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
		var texts, wants []string
		for range 3 {
			texts = append(texts, envelope(headerOf("acme", room)))
		}
		ana.does(`{"type":"publish","id":1,"channel":%q,"data":%q,"encryption":"jwe","idempotency_key":"k","from":{"user":"boss"}}`, room, texts[0])
		g.taken(t, g.publication(token, room, fmt.Sprintf(`{ "encryption" : "jwe", "data" : %q }`, texts[1])))
		g.asks(t, g.post("/v1/messages/batch", "application/json", fmt.Sprintf(`{"messages":[{"channel":%q,"data":%q,"encryption":"jwe"}]}`, room, texts[2]), bearer(token)))
		for i, from := range []string{fmt.Sprintf(`{"user":"ana","connection":%q}`, ana.welcome["connection"]), `{"user":"ana"}`, `{"user":"ana"}`} {
			wants = append(wants, fmt.Sprintf(`"from":%s,"data":"%s","encryption":"jwe"}`, from, texts[i]))
		}
		heard := bob.verbatim()
		if !strings.HasPrefix(heard, fmt.Sprintf(`{"type":"message","channel":%q,`, room)) || !strings.HasSuffix(heard, wants[0]) {
			t.Errorf("live: got %s, want %s", heard, wants[0])
		}
		for _, want := range wants[1:] {
			if heard := bob.verbatim(); !strings.HasSuffix(heard, want) {
				t.Errorf("live: got %s, want %s", heard, want)
			}
		}
		bob.say(`{"type":"history","id":2,"channel":%q}`, room)
		pages := map[string]string{"history": bob.verbatim(), "history over HTTP": g.manage(t, token, http.MethodGet, "/v1/channels/"+url.PathEscape(room)+"/messages").body}
		for way, page := range pages {
			for _, want := range wants {
				if strings.Count(page, want) != 1 {
					t.Errorf("%s: got %s, want %s in it", way, page, want)
				}
			}
		}
		late := g.dial(t, acme.token("bob", roles("member")))
		late.does(`{"type":"subscribe","id":1,"channel":%q,"since":%s}`, room, at(begun))
		for _, want := range wants {
			if got := mustJSON(late.hear()); !strings.Contains(got, `"encryption":"jwe"`) || !strings.Contains(want, strings.Split(got, `"data":"`)[1][:80]) {
				t.Errorf("recovered: got %s, want %s", got, want)
			}
		}
		ana.say(`{"type":"echo","id":9,"channel":%q,"data":%q,"encryption":"jwe"}`, room, texts[0])
		if got, want := ana.verbatim(), fmt.Sprintf(`{"type":"ok","id":9,"channel":%q,"data":"%s","encryption":"jwe"}`, room, texts[0]); got != want {
			t.Errorf("echo: got %s, want %s", got, want)
		}
		ana.mayNot("conflict", `{"type":"publish","id":4,"channel":%q,"data":%q,"encryption":"jwe","idempotency_key":"k"}`, room, texts[1])
		if again := ana.does(`{"type":"publish","id":5,"channel":%q,"data":%q,"encryption":"jwe","idempotency_key":"k"}`, room, texts[0]); again["duplicate"] != true {
			t.Errorf("again: got %v, want a duplicate", again)
		}
		if strings.HasPrefix(room, "room:") {
			ana.mayNot("conflict", `{"type":"publish","id":6,"channel":%q,"data":%q,"idempotency_key":"k"}`, room, texts[0])
		}
	}
}

// What the operator asks for counts for what is published from then on, also by those who are in; what was kept before stays.
func TestEncryptionThatIsAskedForByAReload(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{rules: "- { name: members read, allow: [history], channels: [\"room:*\"], for: { roles: [member] } }\n", more: "channels: [{ match: \"room:*\", history: { messages: 10, ttl: 1m } }]\n"}})
	token := acme.token("ana", roles("member"))
	ana := g.dial(t, token)
	ana.does(`{"type":"subscribe","id":1,"channel":"room:1"}`)
	ana.does(`{"type":"publish","id":2,"channel":"room:1","data":"before"}`)
	ana.hear()
	g.edit(t, "tenants/acme.yaml", "ttl: 1m }", "ttl: 1m }, encryption: required")
	g.reload(t, "applied")
	ana.mayNot("encryption_required", `{"type":"publish","id":3,"channel":"room:1","data":"after"}`)
	g.unsealed(t, g.publication(token, "room:1", `{"data":"after"}`))
	text := envelope(headerOf("acme", "room:1"))
	ana.does(`{"type":"publish","id":4,"channel":"room:1","data":%q,"encryption":"jwe"}`, text)
	if got := ana.hear(); got["data"] != text || got["encryption"] != "jwe" {
		t.Errorf("got %v, want the envelope", got)
	}
	p := g.reads(t, token, "room:1", "")
	if len(p.Messages) != 2 || p.Messages[0]["data"] != "before" || p.Messages[0]["encryption"] != nil || p.Messages[1]["data"] != text {
		t.Errorf("%v is kept, want what was before and the envelope", p.Messages)
	}
	g.edit(t, "tenants/acme.yaml", "encryption: required", "encryption: optional")
	g.reload(t, "applied")
	ana.does(`{"type":"publish","id":5,"channel":"room:1","data":"open again"}`)
}

// A backend that wants payloads is told what is encrypted, as ciphertext.
func TestAWebhookOfAnEncryptedChannel(t *testing.T) {
	t.Parallel()
	v := receive(t, acme, false)
	g := start(t, options{
		acme:  tenantOptions{more: "channels: [{ match: \"room:sealed\", encryption: required }]\nwebhooks:\n" + v.keys("message.published", "payload: true")},
		files: map[string][]byte{"acme-hook-secret": v.secret()},
	})
	ana, text := g.dial(t, acme.token("ana", roles("member"))), envelope(headerOf("acme", "room:sealed"))
	ana.mayNot("encryption_required", `{"type":"publish","id":1,"channel":"room:sealed","data":"hi"}`)
	ana.does(`{"type":"publish","id":2,"channel":"room:sealed","data":%q,"encryption":"jwe"}`, text)
	ana.does(`{"type":"publish","id":3,"channel":"room:1","data":"hi"}`)
	events := v.until(func(events []entry) bool { return len(events) >= 2 })
	for i, want := range []entry{{"channel": "room:sealed", "encryption": "jwe", "data": text}, {"channel": "room:1", "encryption": nil, "data": "hi"}} {
		if got := entry(events[i]["data"].(map[string]any)); len(events) != 2 || !got.has(want) {
			t.Errorf("got %v of %d, want %v", got, len(events), want)
		}
	}
}

// The mirror has no word for an error, and nothing that is not encrypted to send back.
func TestTheMirrorOnAnEncryptedChannel(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: tenantOptions{more: "channels: [{ match: \"**\", encryption: required }]\n"}})
	for _, f := range []frame{text("hello"), text(`"` + envelope(headerOf("acme", "echo")) + `"`), {fin: true, opcode: opBinary, payload: []byte("hello")}} {
		c := g.dial(t, acme.token("ana", roles("prober")), mirror)
		if err := c.put(f); err != nil {
			t.Fatal(err)
		}
		if code, reason := c.ended(); code != 4500 {
			t.Errorf("it ended with %d %s, want 4500", code, reason)
		}
	}
}

// A program that reads what the command prints can tell what is encrypted.
func TestTheCommandPrintsWhatIsEncrypted(t *testing.T) {
	t.Parallel()
	g := start(t, options{acme: vaults})
	token, sealed := acme.token("ana", roles("member")), envelope(headerOf("acme", "vault:1"))
	printed := make(chan string, 1)
	go func() {
		out, errs, _ := g.run(t, "subscribe", "--url", "ws://"+g.address, "--token", token, "--json", "--count", "1", "vault:1")
		printed <- out + errs
	}()
	for {
		g.taken(t, g.publication(token, "vault:1", fmt.Sprintf(`{"data":%q,"encryption":"jwe"}`, sealed)))
		select {
		case got := <-printed:
			if !strings.Contains(got, fmt.Sprintf(`"data":%q,"encryption":"jwe"}`, sealed)) {
				t.Errorf("got %s, want the envelope and what it is", got)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// The doctor's users say what anybody can read, and no real channel hears it: encryption that is asked for everywhere leaves no wall untried.
func TestTheDoctorWhereEverythingIsEncrypted(t *testing.T) {
	t.Parallel()
	everywhere := tenantOptions{more: "channels: [{ match: \"**\", encryption: required }]\n"}
	e := start(t, options{acme: everywhere, globex: everywhere}).examine(t, `{}`)
	for _, w := range e.Walls {
		if w.Verdict != "held" || w.Tried == 0 {
			t.Errorf("%s: got %s of %d attempts: %v", w.Name, w.Verdict, w.Tried, w.Findings)
		}
	}
	if !e.Held || len(e.Walls) == 0 {
		t.Errorf("got %+v, want all walls tried, and held", e)
	}
}
