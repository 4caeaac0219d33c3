package blackbox_test

import (
	"fmt"
	"strings"
	"testing"
)

// hand is how the tests use a page: as people do, by what they see, and with patience.
const hand = `
	const $ = (id) => document.getElementById(id);
	const seen = async (id, text) => {
		for (const end = Date.now() + 45000; Date.now() < end; await new Promise((r) => setTimeout(r, 10))) if ($(id).innerText.includes(text)) return;
		throw new Error(JSON.stringify(text) + " is not in " + id + ": " + $(id).innerText);
	};
	const write = (id, text) => { $(id).value = text; };
	const press = (id) => $(id).requestSubmit ? $(id).requestSubmit() : $(id).click();
`

// The page of dev, as a newcomer uses it.
func TestTheTryItPage(t *testing.T) {
	t.Parallel()
	d := develop(t)
	b := browse(t)
	b.must(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.opens(t, d.PageURL)
	b.does(t, hand+`for (const end = Date.now() + 45000; document.querySelector("main").inert && Date.now() < end; await new Promise((r) => setTimeout(r, 10)));`, nil)
	b.shown(t, "page-1-empty")
	for _, way := range []string{"ticket", "subprotocol"} {
		b.does(t, hand+fmt.Sprintf(`
			if (!$("go").disabled) press("go");
			await seen("state", "not connected");
			write("way", %q);
			press("connect");
			await seen("state", "connected as ana of acme");
			await seen("messages", "the gateway has you hear user:ana:inbox");
		`, way), nil)
	}
	b.does(t, hand+`
		press("subscribe");
		await seen("messages", "you hear room:lobby");
		await seen("members", "ana");
		write("text", "good morning");
		press("publish");
		await seen("messages", 'ana: "good morning"');
		await seen("messages", "published, at offset");
		write("channel", "room:announcements");
		press("publish");
		await seen("messages", "forbidden: publish on room:announcements is not allowed");
		write("channel", "room:lobby");
		press("past");
		await seen("messages", "the last ten of room:lobby");
	`, nil)
	if out := d.once(t, "", program(t), "publish", "room:lobby", `{"text":"from the terminal"}`); !strings.Contains(out, "published on room:lobby") {
		t.Errorf("got %s", out)
	}
	b.does(t, hand+`await seen("messages", '{"text":"from the terminal"}');`, nil)
	b.shown(t, "page-2-talk")
	b.does(t, hand+`
		press("open");
		await seen("of-ana", "has the key of generation 1");
		await seen("of-ben", "has the key of generation 1");
		await seen("of-eve", "no key");
		write("secret", "under the mat");
		press("seal");
		await seen("of-ben", "ana: under the mat");
		await seen("of-ana", "ana: under the mat");
		await seen("of-eve", "ana: eyJ");
		write("sender", "ben");
		write("secret", "thank you");
		press("seal");
		await seen("of-ana", "ben: thank you");
		press("remove");
		await seen("of-ana", "has the key of generation 2");
		write("sender", "ana");
		write("secret", "not for ben");
		press("seal");
		await seen("of-ana", "ana: not for ben");
		await seen("of-ben", "ana: eyJ");
		if ($("of-ben").innerText.includes("not for ben") || $("of-eve").innerText.match("mat|thank|not for")) throw new Error("somebody read what was not for them");
		press("go");
		await seen("state", "not connected");
	`, nil)
	b.shown(t, "page-3-vault")
	// A log that is long forgets its oldest lines, and does not tear away who reads in it.
	var log struct{ Lines, Read, Left int }
	b.does(t, hand+`
		const { line } = await import("./server.js");
		for (let n = 0; n < 400; n++) line("messages", "number " + n);
		$("messages").scrollTop = 0;
		line("messages", "one more");
		const read = $("messages").scrollTop;
		$("messages").scrollTop = $("messages").scrollHeight;
		for (let n = 0; n < 400; n++) line("messages", "again " + n);
		return { lines: $("messages").childElementCount, read, left: Math.round($("messages").scrollHeight - $("messages").scrollTop - $("messages").clientHeight) };
	`, &log)
	if log.Lines != 500 || log.Read != 0 || log.Left > 1 {
		t.Errorf("got a log of %+v, want 500 lines, 0 above who reads at its top, 0 below who reads at its end", log)
	}
	b.does(t, hand+`
		globalThis.fetch = () => Promise.reject(new TypeError("Failed to fetch")); // as when dev was stopped
		press("connect");
		await seen("state", "portcullis dev does not answer; if it was stopped, start it again; again in");
		press("go");
		await seen("state", "not connected");
	`, nil)
	b.must(t, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
	b.must(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": true}, nil)
	b.shown(t, "page-4-dark-and-narrow")
	if complaints := b.complained(); complaints != "" {
		t.Errorf("the page complains: %s", complaints)
	}
}
