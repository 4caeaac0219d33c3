package blackbox_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	library "portcullis/client"
	"portcullis/client/e2ee"
)

var lockedRooms = options{tls: true, acme: tenantOptions{
	limits: noRates,
	more: `channels:
- { match: "vault:*", encryption: required, history: { messages: 100, ttl: 10m } }
- { match: "vault:*:keys", history: { messages: 10, ttl: 24h } }
- { match: "room:kept:**", history: { messages: 100, ttl: 10m } }
`,
	rules: `
- { name: members talk in vaults, allow: [subscribe, publish, history], channels: ["vault:*"], for: { roles: [member] } }
- { name: members take keys, allow: [subscribe, history], channels: ["vault:*:keys"], for: { roles: [member] } }
- { name: ana hands them out, allow: [publish], channels: ["vault:*:keys"], for: { users: [ana] } }
`,
}}

// asserts is what acme's identity service says of a user's keys.
func asserts(user string, keys any) string {
	return acme.issuer.Sign(claims{"typ": "e2ee-key+jwt"}, claims{"iss": acme.issuer.URL, "sub": user, "tenant": "acme", "iat": now(), "exp": now() + 3600, "keys": keys})
}

// Ana is a Go program and ben a page. What they say to each other is nowhere in the gateway: not in its memory, its log or its metrics. What is said where
// nothing is encrypted is in its memory, and is found.
func TestTheGatewayCannotReadAnEncryptedRoom(t *testing.T) {
	t.Parallel()
	g := start(t, lockedRooms)
	toBen, toAna, open := "to-ben-"+rand.Text(), "to-ana-"+rand.Text(), "open-"+rand.Text()
	ana := g.distributor(t, "vault:1")
	b := browse(t)
	b.opens(t, acme.origin)
	var keys []json.RawMessage
	b.does(t, g.client(g.address, "", acme.token("ben", roles("member")))+`
		const e2ee = await import("/e2ee.js");
		const identity = await e2ee.Identity.generate();
		Object.assign(window, { c, e2ee, identity, until });
		return identity.keys;
	`, &keys)
	ana.adds(t, asserts("ben", keys))
	b.does(t, fmt.Sprintf(`
		const issuer = new e2ee.Issuer({ issuer: %q, tenant: "acme", keys: %s });
		window.room = new e2ee.Room({ tenant: "acme", channel: "vault:1", user: "ben", identity, distributors: ["ana"] });
		room.add(await issuer.verify(%q));
		const [grants, messages] = [await c.subscribe("vault:1:keys"), await c.subscribe("vault:1")];
		window.read = [];
		(async () => { for await (const m of grants) await room.accept(m.data); })();
		(async () => { for await (const m of messages) read.push(await room.open(m)); })();
	`, acme.issuer.URL, acme.issuer.JWKS(), ana.assertion), nil)
	ana.hands(t)
	ana.says(t, toBen)
	b.does(t, fmt.Sprintf(`
		await until("what ana says", () => read.some((said) => said.user === "ana" && said.text() === %q));
		await c.publish("vault:1", await room.seal(%q));
		await c.publish("room:kept:open", %q);
	`, toBen, toAna, open), nil)
	ana.hears(t, toAna)

	memory := g.searched(t, toBen, toAna, open)
	if !memory[open] {
		t.Error("what was said openly is not found in the gateway's memory: nothing would be")
	}
	for _, secret := range []string{toBen, toAna} {
		if memory[secret] {
			t.Errorf("%s is in the gateway's memory", secret)
		}
		_, metrics, err := g.ask("/metrics")
		if _, tenants, fails := g.ask("/metrics/tenants"); err != nil || fails != nil || strings.Contains(g.text()+metrics+tenants, secret) {
			t.Errorf("%s is in the log or the metrics (%v, %v)", secret, err, fails)
		}
	}
	// Whoever may hear the channel, and has no key, gets no more than the gateway.
	eve := g.dial(t, acme.token("eve", roles("member")))
	kept, err := json.Marshal(eve.does(`{"type":"history","id":1,"channel":"vault:1"}`))
	if err != nil || !strings.Contains(string(kept), `"encryption":"jwe"`) || strings.Contains(string(kept), toBen) || strings.Contains(string(kept), toAna) {
		t.Errorf("got %.300s, %v", kept, err)
	}
	b.does(t, "await c.close()", nil)
}

// distributor is a Go program that hands out the keys of a room.
type distributor struct {
	client    *library.Client
	issuer    *e2ee.Issuer
	room      *e2ee.Room
	feed      *library.Feed
	channel   string
	assertion string
}

func (g *gateway) distributor(t *testing.T, channel string) *distributor {
	t.Helper()
	identity := must(e2ee.NewIdentity())
	d := &distributor{channel: channel, assertion: asserts("ana", identity.Keys())}
	d.issuer = must(e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: acme.issuer.URL, Tenant: "acme", Keys: acme.issuer.JWKS()}))
	d.room = must(e2ee.NewRoom(e2ee.RoomOptions{Tenant: "acme", Channel: channel, User: "ana", Identity: identity, Distributors: []string{"ana"}}))
	token := acme.token("ana", roles("member"))
	c, err := library.Connect(library.Config{Options: library.Options{URL: "wss://" + g.address, TLS: trust(), Token: func(context.Context) (string, error) { return token, nil }}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	d.client = c
	if d.feed, err = c.Subscribe(d.soon(t), channel, library.FeedOptions{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *distributor) soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}

// adds makes somebody a member.
func (d *distributor) adds(t *testing.T, assertion string) {
	t.Helper()
	m, err := d.issuer.Verify(t.Context(), assertion)
	if err == nil {
		err = d.room.Add(m)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// hands gives a new key to all members.
func (d *distributor) hands(t *testing.T) {
	t.Helper()
	grant, err := d.room.Generate()
	if err == nil {
		_, err = d.client.Publish(d.soon(t), d.channel+":keys", grant)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (d *distributor) says(t *testing.T, text string) {
	t.Helper()
	sealed, err := d.room.Seal([]byte(text))
	if err == nil {
		_, err = d.client.Publish(d.soon(t), d.channel, library.Sealed(sealed))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// hears waits for somebody to say something.
func (d *distributor) hears(t *testing.T, text string) {
	t.Helper()
	for {
		m, err := d.feed.Next(d.soon(t))
		if err != nil {
			t.Fatal(err)
		}
		said, err := d.room.Open(e2ee.Message{Data: m.Data, Encryption: m.Encryption, User: m.From.User})
		if err != nil {
			t.Fatal(err)
		}
		if string(said) == text {
			return
		}
	}
}

// searched says which texts are somewhere in the gateway's memory: as they are, as UTF-16, in hexadecimal, or in base64 at any place of it.
func (g *gateway) searched(t *testing.T, texts ...string) map[string]bool {
	t.Helper()
	memory := g.dumped(t)
	found := make(map[string]bool)
	for _, text := range texts {
		for _, form := range formsOf(text) {
			found[text] = found[text] || bytes.Contains(memory, form)
		}
	}
	return found
}

// formsOf are the ways that a text may be written in memory.
func formsOf(text string) (forms [][]byte) {
	wide := make([]byte, 0, 2*len(text))
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	forms = append(forms, []byte(text), wide, []byte(hex.EncodeToString([]byte(text))))
	for lead := range 3 { // whatever stands before it
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			inside := e.EncodeToString([]byte(strings.Repeat("x", lead) + text))
			forms = append(forms, []byte(inside[4:len(inside)-4]))
		}
	}
	return forms
}

// dumped is all that the gateway's process can write to, as the kernel shows it (proc(5)).
func (g *gateway) dumped(t *testing.T) (all []byte) {
	t.Helper()
	maps := g.proc(t, "maps")
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	for lines := bufio.NewScanner(strings.NewReader(maps)); lines.Scan(); {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") || to-from > 4<<30 {
			continue
		}
		part := make([]byte, 1<<20)
		for at := from; at < to; at += int64(len(part)) {
			n, err := memory.ReadAt(part[:min(int64(len(part)), to-at)], at)
			if err != nil && err != io.EOF {
				break // a part that is mapped and cannot be read
			}
			all = append(all, part[:n]...)
		}
	}
	if len(all) < 1<<20 {
		t.Fatalf("got %d bytes of memory, want all of it", len(all))
	}
	return all
}
