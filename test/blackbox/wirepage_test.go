package blackbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// uttered is a line of the page's: what a client says, or what the gateway does.
type uttered struct {
	client bool
	text   string
}

// dialogues are the blocks of a page in which something is said. A line that is indented goes on with the one before.
func dialogues(t *testing.T) (all [][]uttered) {
	t.Helper()
	page, err := os.ReadFile(root + "/docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(page), "```") {
		if i%2 == 0 {
			continue
		}
		var said []uttered
		for line := range strings.Lines(block) {
			line = strings.TrimRight(line, "\n")
			switch {
			case strings.HasPrefix(line, "> "), strings.HasPrefix(line, "< "):
				said = append(said, uttered{line[0] == '>', line[2:]})
			case strings.HasPrefix(line, "   ") && len(said) > 0:
				said[len(said)-1].text += strings.TrimSpace(line)
			}
		}
		if len(said) > 0 {
			all = append(all, said)
		}
	}
	return all
}

// like reports whether a frame has the type and the members of the page's, and no others unless the page leaves something out.
func like(t *testing.T, got entry, page string) bool {
	t.Helper()
	text, open := strings.CutSuffix(page, ",...}")
	if open {
		text += "}"
	}
	var want entry
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatalf("the page says %s: %v", page, err)
	}
	if got["type"] != want["type"] || got["code"] != want["code"] && want["code"] != nil || got["reason"] != want["reason"] {
		return false
	}
	for name := range want {
		if _, there := got[name]; !there {
			return false
		}
	}
	return open || len(got) == len(want)
}

// reader does what docs/protocol.md says: ana at the keyboard, and bob, who is heard of.
type reader struct {
	g        *gateway
	ana, bob *conn
	end      entry // where room:1 is
	early    []entry
	narrower string
}

// open connects two people who were never there before, and lets the room be as the page takes it to be.
func (p *reader) open(t *testing.T) {
	ana := someone("ana")
	p.ana, p.bob = p.g.dial(t, guest(ana, claims{"name": "Ana"})), p.g.dial(t, guest(someone("bob"), claims{"name": "Bob"}))
	for n := range 5 {
		p.end = p.bob.does(`{"type":"publish","id":%d,"channel":"room:1","data":%d}`, n+1, n)
	}
	p.narrower = acme.tokenOf(guests, ana)
}

// set lets things be as they are before the block is typed.
func (p *reader) set(said []uttered) {
	first, block := said[0].text, fmt.Sprint(said)
	switch {
	case strings.Contains(block, `"encryption"`):
		p.ana.does(`{"type":"subscribe","id":900,"channel":"room:sealed"}`)
	case strings.Contains(block, `"type":"message"`) && strings.Contains(first, "publish"), strings.Contains(first, "unsubscribe"), strings.Contains(first, "refresh"):
		p.ana.does(`{"type":"subscribe","id":900,"channel":"room:1"}`)
	case strings.Contains(first, `"presence"`):
		p.ana.does(`{"type":"subscribe","id":900,"channel":"room:1"}`)
		p.bob.does(`{"type":"subscribe","id":900,"channel":"room:1"}`)
	}
}

// typed is a line as the reader types it, with what is theirs in the place of the page's.
func (p *reader) typed(text string) string {
	return strings.NewReplacer(`"offset":41`, fmt.Sprintf(`"offset":%.0f`, p.end["offset"].(float64)-3), `"offset":42`, fmt.Sprintf(`"offset":%.0f`, p.end["offset"].(float64)-2), `"epoch":"x7"`, fmt.Sprintf(`"epoch":%q`, p.end["epoch"]), "eyJ...", p.narrower, "eyJhbGciOiJkaXIi...", envelope(headerOf("acme", "room:sealed"))).Replace(text)
}

// hears waits for what the page says comes. What the page does not speak of may come in between, and what it speaks of later may come earlier: the order of
// one's own message and its ok is not defined.
func (p *reader) hears(t *testing.T, text string) {
	t.Helper()
	for i, got := range p.early {
		if like(t, got, text) {
			p.early = slices.Delete(p.early, i, i+1)
			return
		}
	}
	for {
		got := p.ana.hear()
		if like(t, got, text) {
			return
		}
		p.early = append(p.early, got)
		if got["type"] == "ok" || got["type"] == "error" {
			t.Fatalf("got %v, the page says %s", got, text)
		}
	}
}

// What docs/protocol.md says to type is typed, line by line, and what it says comes does. What comes without being asked for, or because much happened, is held against
// the document of the wire alone.
func TestThePageOfTheWire(t *testing.T) {
	t.Parallel()
	g := newcomer(t)
	played, kinds := 0, make(map[string]bool)
	for _, said := range dialogues(t) {
		t.Run(said[0].text, func(t *testing.T) {
			p := &reader{g: g}
			p.open(t)
			for _, s := range said {
				var frame entry
				if json.Unmarshal([]byte(s.text), &frame) == nil {
					kinds[fmt.Sprint(frame["type"])] = true
				}
			}
			if !said[0].client {
				p.reads(t, said)
				return
			}
			played++
			p.set(said)
			for _, s := range said {
				switch {
				case s.client:
					p.ana.say("%s", p.typed(s.text))
				default:
					if strings.HasPrefix(s.text, `{"type":"join"`) {
						p.bob.does(`{"type":"subscribe","id":901,"channel":"room:1"}`)
					} else if strings.HasPrefix(s.text, `{"type":"leave"`) {
						p.bob.Close()
					}
					p.hears(t, s.text)
				}
			}
			p.ana.say(`{"type":"ping","id":999}`) // whatever was said last was understood
			for got := p.ana.hear(); got["id"] != 999.0; got = p.ana.hear() {
				if got["type"] == "error" {
					t.Errorf("got %v", got)
				}
			}
		})
	}
	if played < 12 {
		t.Errorf("the page has %d dialogues that can be played, want 12", played)
	}
	for _, verb := range wired().Verbs() {
		if !kinds[verb] {
			t.Errorf("the page shows no %s", verb)
		}
	}
	for _, kind := range wired().Kinds() {
		if !kinds[kind] {
			t.Errorf("the page shows no %s among %v", kind, slices.Sorted(maps.Keys(kinds)))
		}
	}
}

// reads holds frames of the page that nobody asks for against the document, and the welcome against the real one.
func (p *reader) reads(t *testing.T, said []uttered) {
	t.Helper()
	for _, s := range said {
		if strings.HasPrefix(s.text, `{"type":"welcome"`) && !like(t, p.ana.welcome, s.text) {
			t.Errorf("got %v, the page says %s", p.ana.welcome, s.text)
		}
		if err := wired().Frame([]byte(s.text)); err != nil {
			t.Error(err)
		}
	}
}
