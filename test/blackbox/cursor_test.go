package blackbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// paged is a gateway whose tenants' services list everything, and whose rooms keep what was said.
func paged(t *testing.T) *gateway {
	o := tenantOptions{limits: noRates, more: "channels:\n  - { match: \"room:kept:**\", history: { messages: 100, ttl: 10m } }\n", rules: `
- { name: services manage, allow: [manage], for: { users: [svc-billing], scopes: ["portcullis:manage"] } }
- { name: services read, allow: [history, publish], channels: ["room:**"], for: { scopes: ["portcullis:manage"] } }
`}
	return share(t, "paged", options{acme: o, globex: o})
}

// list is one list that is read by cursor: where it is, what it holds, and how each entry is called.
type list struct{ path, member, key string }

var (
	listOfConnections = list{"/v1/connections", "connections", "connection"}
	listOfChannels    = list{"/v1/channels", "channels", "channel"}
	listOfMessages    = list{"/v1/channels/room:kept:forged/messages", "messages", "offset"}
)

// page reads one page.
func (l list) page(t *testing.T, g *gateway, token string, q url.Values) (names []string, next string) {
	t.Helper()
	a := g.manage(t, token, http.MethodGet, l.path+"?"+q.Encode())
	var e entry
	if err := a.into(&e); err != nil || a.status != http.StatusOK {
		t.Fatalf("%s?%s: got %d %s, %v", l.path, q.Encode(), a.status, a.body, err)
	}
	for _, one := range e[l.member].([]any) {
		names = append(names, fmt.Sprint(one.(map[string]any)[l.key]))
	}
	next, _ = e["next"].(string)
	return names, next
}

// walk reads all pages of so many entries. Between two of them it calls between.
func (l list) walk(t *testing.T, g *gateway, token string, limit int, q url.Values, between func()) (all []string, pages int) {
	t.Helper()
	for next := ""; ; {
		asked := url.Values{"limit": {fmt.Sprint(limit)}}
		for name, values := range q {
			asked[name] = values
		}
		if next != "" {
			asked.Set("cursor", next)
		}
		var names []string
		names, next = l.page(t, g, token, asked)
		if len(names) > limit || len(names) < limit && next != "" && l.member != "messages" {
			t.Fatalf("%s: a page has %d entries of %d, and next is %q", l.path, len(names), limit, next)
		}
		all = append(all, names...)
		if pages++; next == "" {
			return all, pages
		}
		if between(); pages > 10_000 {
			t.Fatalf("%s has no end", l.path)
		}
	}
}

// A cursor that no page ended with, one of another list, and one that is played with: each has an answer that names it, what is right and what to do, and none is taken for the beginning.
func TestCursorsThatNobodyWasGiven(t *testing.T) {
	g := paged(t)
	token := acme.service(roles("member"))
	c := g.dial(t, token)
	c.does(`{"type":"subscribe","id":1,"channel":"room:kept:forged"}`)
	said := c.tells(t, "room:kept:forged", 1, 2)[1]
	position := fmt.Sprintf("%.0f.%s", said["offset"], said["epoch"])
	everywhere := []string{"\x00", "*", "../..", "' OR 1=1 --", "{}", "\xff\xfe", "\u202e", " ", strings.Repeat("x", 8<<10), "$control", "room:*", "a::b", "%6", "%zz"}
	names := []string{"0", "-1", "null", "c_", "%00", "%2563", "room:1"} // of channels that could be
	for _, tt := range []struct {
		list
		wrong []string
	}{
		{listOfConnections, slices.Concat(everywhere, names, []string{position, c.id()[:8], c.id() + "A", strings.ToLower(c.id()), c.id() + "\x00", " " + c.id()})},
		{listOfChannels, append(slices.Clone(everywhere), "room:1\x00", ":", strings.Repeat("a", 256))},
		{listOfMessages, slices.Concat(everywhere, names, []string{c.id(), "1", "1.", ".", ".x7", "-1.x7", "+1.x7", "01.x7", "1e3.x7", "18446744073709551616.x7", "0x1.x7", "１.x7"})},
	} {
		for _, cursor := range tt.wrong {
			a := g.manage(t, token, http.MethodGet, tt.path+"?cursor="+url.QueryEscape(cursor))
			p, err := a.problem()
			if err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" {
				t.Errorf("%s, cursor %.40q: got %d %.200s, want 400 bad_request", tt.path, cursor, a.status, a.body)
				continue
			}
			if want := fmt.Sprintf("cursor %.64q is none of a page of ", cursor); !strings.HasPrefix(p.Detail, want) || !strings.Contains(p.Detail, "send the next of the page before") {
				t.Errorf("%s, cursor %.40q: got %q, want %q and the remedy", tt.path, cursor, p.Detail, want)
			}
		}
	}
	for _, l := range []list{listOfConnections, listOfChannels, listOfMessages} {
		a := g.manage(t, token, http.MethodGet, l.path+"?cursor="+strings.Repeat("x", 64<<10))
		if a.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s with 64 KiB of cursor: got %d %.100s, want 431", l.path, a.status, a.body)
		}
	}
}

// What a query says twice, or not at all, or in a way that two readers take differently.
func TestQueriesOfListsThatAreNone(t *testing.T) {
	g := paged(t)
	token := acme.service(roles("member"))
	g.dial(t, token).tells(t, "room:kept:forged", 1)
	inURL := badHandshake("credential_in_url")
	for _, l := range []list{listOfConnections, listOfChannels, listOfMessages} {
		for query, says := range map[string]string{
			"limit=0": `limit "0" is no whole number from 1 to 1000`, "limit=-1": `limit "-1"`, "limit=1001": `limit "1001"`, "limit=99999999999999999999": `limit "99999999999999999999"`, "limit=": `limit ""`, "limit=1e3": `limit "1e3"`,
			"limit=0x10": `limit "0x10"`, "limit=01": `limit "01"`, "limit=%2B1": `limit "+1"`, "limit=1%00": `limit "1\x00"`, "limit=%EF%BC%91": `limit "１"`, "limit=1.0": `limit "1.0"`, "limit=1,2": `limit "1,2"`, "limit=%20" + "1": `limit " 1"`,
			"limit=" + strings.Repeat("9", 4<<10): `limit "9999`, "limit=1&limit=2": "limit stands 2 times", "limit=1&limit=1": "limit stands 2 times", "limit=1&%6Cimit=2": "limit stands 2 times",
			"cursor=&cursor=": "cursor stands 2 times", "cursor=a&curso%72=b": "cursor stands 2 times",
		} {
			a := g.manage(t, token, http.MethodGet, l.path+"?"+query)
			if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || p.Code != "bad_request" || !strings.HasPrefix(p.Detail, says) || !strings.Contains(p.Detail, "send ") {
				t.Errorf("%s?%.60s: got %d %.200s, want 400 that says %s, and what to send", l.path, query, a.status, a.body, says)
			}
		}
		for _, query := range []string{"limit=1;cursor=x", "limit=%zz", "Limit=1", "limit[]=1", "limit%00=1", "offset=1", "tenant=globex", "limit=1&tenant=globex"} {
			g.denies(t, "api", inURL, func() *answer {
				a := g.manage(t, token, http.MethodGet, l.path+"?"+query)
				if p, err := a.problem(); err != nil || !strings.Contains(p.Detail, "a mistyped name perhaps") || !strings.Contains(p.Detail, "never into a URL") {
					t.Errorf("%s?%s: got %s, want what both may have been meant", l.path, query, a.body)
				}
				return a
			})
		}
	}
	for query, says := range map[string]string{
		"since=1": `since "1" and epoch ""`, "epoch=x7": `since "" and epoch "x7"`, "since=-1&epoch=x7": `since "-1"`, "cursor=1.x7&since=1&epoch=x7": "cursor stands beside since", "reverse=false": `reverse "false"`, "strict=1": `strict "1"`, "reverse=": `reverse ""`,
	} {
		a := g.manage(t, token, http.MethodGet, listOfMessages.path+"?"+query)
		if p, err := a.problem(); err != nil || a.status != http.StatusBadRequest || !strings.HasPrefix(p.Detail, says) {
			t.Errorf("%s: got %d %s, want 400 that says %s", query, a.status, a.body, says)
		}
	}
}

// A cursor is a place, and no key: with one of another tenant, or made up in the right form, one reads one's own from there on, and learns nothing of what is there.
func TestACursorOfAnotherTenant(t *testing.T) {
	g := paged(t)
	theirs, ours := globex.service(roles("member")), acme.service(roles("member"))
	victim := g.dial(t, globex.token(someone("victim"), roles("member")))
	own := g.dial(t, acme.token(someone("own"), roles("member")))
	hidden, room := "room:kept:"+someone("hidden"), "room:kept:"+someone("own")
	victim.does(`{"type":"subscribe","id":1,"channel":%q}`, hidden)
	own.does(`{"type":"subscribe","id":1,"channel":%q}`, room)
	at := victim.tells(t, hidden, "secret")[0]
	own.tells(t, room, "ours")
	for _, tt := range []struct {
		list
		cursors []string
	}{
		{listOfConnections, []string{victim.id(), "c_" + strings.Repeat("A", 16), "c_" + strings.Repeat("7", 16)}},
		{listOfChannels, []string{hidden, "-", "~"}},
		{list{"/v1/channels/" + room + "/messages", "messages", "data"}, []string{fmt.Sprintf("%.0f.%s", at["offset"], at["epoch"]), "0." + at["epoch"].(string), "18446744073709551615." + at["epoch"].(string)}},
	} {
		for _, cursor := range tt.cursors {
			names, _ := tt.page(t, g, ours, url.Values{"cursor": {cursor}})
			for _, name := range names {
				if name == victim.id() || name == hidden || name == "secret" {
					t.Errorf("%s, cursor %s: acme sees %s", tt.path, cursor, name)
				}
			}
		}
	}
	// Whether the other tenant's is there makes no difference.
	absent := g.manage(t, theirs, http.MethodGet, listOfMessages.path[:len("/v1/channels/")]+room+"/messages")
	if !strings.Contains(absent.body, `"messages":[]`) {
		t.Errorf("globex reads %s of acme's channel", absent.body)
	}
	there := g.manage(t, ours, http.MethodGet, "/v1/connections?limit=1000&cursor="+victim.id())
	made := g.manage(t, ours, http.MethodGet, "/v1/connections?limit=1000&cursor="+victim.id()[:17]+"A")
	if there.status != made.status || strings.Contains(there.body, victim.id()) {
		t.Errorf("one that is there: %d %s; one that is not: %d %s", there.status, there.body, made.status, made.body)
	}
}

// Whoever stays is seen once, whoever comes and goes between the pages; the last page says that it is the last; pages of one walk all.
func TestPagesWhileOthersComeAndGo(t *testing.T) {
	g := paged(t)
	token := acme.service(roles("member"))
	user := someone("stays")
	stays := make([]string, 0, 7)
	prefix := "room:" + someone("page") + ":"
	var channels []string
	for i := range cap(stays) {
		c := g.dial(t, acme.token(user, roles("member")))
		stays = append(stays, c.id())
		channels = append(channels, fmt.Sprint(prefix, i))
		c.does(`{"type":"subscribe","id":1,"channel":%q}`, channels[i])
	}
	slices.Sort(stays)
	stop := make(chan struct{})
	var coming sync.WaitGroup
	for w := range 2 {
		guest := acme.token(user, roles("member"))
		coming.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				a, err := g.connect(t).request(g.upgrade(bearer(guest)))
				if err != nil || a.status != http.StatusSwitchingProtocols {
					continue
				}
				c := accepted(t, a)
				c.does(`{"type":"subscribe","id":1,"channel":"%s%d:%d"}`, prefix, n%7, w)
				c.Close()
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	defer coming.Wait()
	defer close(stop)
	only := func(all, want []string) (kept []string) {
		for _, name := range all {
			if slices.Contains(want, name) {
				kept = append(kept, name)
			}
		}
		return kept
	}
	for _, limit := range []int{1, 3, 1000} {
		for range 3 {
			all, pages := listOfConnections.walk(t, g, token, limit, url.Values{"user": {user}}, func() {})
			if got := only(all, stays); !slices.Equal(got, stays) || !slices.IsSorted(all) || pages < len(stays)/limit {
				t.Fatalf("pages of %d: got %v, want each of %v once", limit, all, stays)
			}
			all, _ = listOfChannels.walk(t, g, token, limit, url.Values{"prefix": {prefix}}, func() {})
			if got := only(all, channels); !slices.Equal(got, channels) || !slices.IsSorted(all) {
				t.Fatalf("pages of %d: got %v, want each of %v once", limit, all, channels)
			}
		}
	}
}

// The same of what was said, forwards and backwards, while more is said: what was there at the beginning comes once, in its order. What was forgotten between two pages is told.
func TestPagesOfAHistoryThatGrows(t *testing.T) {
	g := paged(t)
	token := acme.service(roles("member"))
	c := g.dial(t, token)
	for _, limit := range []int{1, 3, 10, 1000} {
		room := "room:kept:" + someone("grows")
		l := list{"/v1/channels/" + room + "/messages", "messages", "data"}
		var want []string
		for n := range 20 {
			c.tells(t, room, n)
			want = append(want, fmt.Sprint(n))
		}
		backwards := slices.Clone(want)
		slices.Reverse(backwards)
		said := 20
		more := func() {
			if said < 60 {
				c.tells(t, room, said)
				said++
			}
		}
		if got, _ := l.walk(t, g, token, limit, url.Values{"reverse": {"true"}}, more); !slices.Equal(got, backwards) {
			t.Errorf("backwards, pages of %d: got %v, want %v", limit, got, backwards)
		}
		got, _ := l.walk(t, g, token, limit, nil, more)
		for n := range said {
			if n < len(got) && got[n] != fmt.Sprint(n) || len(got) < 20 {
				t.Fatalf("pages of %d: got %v, want all up to %d in order", limit, got, said)
			}
		}
	}
	room := "room:kept:" + someone("trimmed")
	c.tells(t, room, 1, 2, 3)
	a := g.manage(t, token, http.MethodGet, "/v1/channels/"+room+"/messages?limit=1")
	var first entry
	if err := a.into(&first); err != nil || first["next"] == nil {
		t.Fatalf("got %d %s, want a next", a.status, a.body)
	}
	if a := g.manage(t, token, http.MethodDelete, "/v1/channels/"+room+"/messages"); a.status != http.StatusOK {
		t.Fatalf("purge: got %d %s", a.status, a.body)
	}
	c.tells(t, room, 4)
	a = g.manage(t, token, http.MethodGet, "/v1/channels/"+room+"/messages?limit=1&cursor="+url.QueryEscape(first["next"].(string)))
	var next entry
	if err := a.into(&next); err != nil || next["recovered"] != false || next["reason"] != "trimmed" || next["next"] != nil || len(next["messages"].([]any)) != 1 {
		t.Errorf("behind a purge: got %d %s, want what there is, that something is missing, and no next", a.status, a.body)
	}
}
