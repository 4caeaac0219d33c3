package hub_test

import (
	"fmt"
	"sync"
	"testing"

	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
)

// Whoever comes and goes at once on a few channels: those who stay are listed, in order, and nobody else's are.
func TestChannelsAreListedWhileManyComeAndGo(t *testing.T) {
	h := open(t, limit.Limits{})
	stays := h.enter(t, "acme", "ana", &ear{})
	for _, name := range []string{"room:stays", "room:also", "room:9"} {
		must(t, stays.Subscribe(t.Context(), name, hub.Start{}, ignore))
	}
	var all sync.WaitGroup
	for i := range 8 {
		m := h.enter(t, []string{"acme", "globex"}[i%2], fmt.Sprint("u", i), &ear{})
		all.Go(func() {
			for n := range 500 {
				name := fmt.Sprint("room:", n%3)
				must(t, m.Subscribe(t.Context(), name, hub.Start{}, ignore))
				must(t, m.Unsubscribe(name))
			}
		})
	}
	acme, globex := h.tenants["acme"].ID, h.tenants["globex"].ID
	for range 100 {
		h.Channels(acme, "", "", 2)
	}
	all.Wait()
	for _, tt := range []struct {
		prefix, after string
		limit         int
		want          string
	}{
		{"", "", 10, "[room:9 room:also room:stays]"}, {"room:a", "", 10, "[room:also]"}, {"", "", 2, "[room:9 room:also]"}, {"", "room:9", 1, "[room:also]"}, {"", "room:stays", 10, "[]"}, {"x", "", 10, "[]"},
	} {
		if got := fmt.Sprint(h.Channels(acme, tt.prefix, tt.after, tt.limit)); got != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
	}
	if got := h.Channels(globex, "", "", 10); len(got) != 0 {
		t.Errorf("globex has %v, want nothing", got)
	}
	if n := h.Subscriptions(channel.Ref{Tenant: acme, Name: channel.MustParse("room:9")}); n != 1 {
		t.Errorf("got %d subscriptions, want 1", n)
	}
}
