package hub_test

import (
	"context"
	"testing"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

// keeping returns settings by which the channels of a pattern keep so many messages.
func keeping(t testing.TB, pattern string, messages int) *channel.Settings {
	t.Helper()
	p, err := channel.ParsePattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return channel.NewSettings([]channel.Matched{{Pattern: p, Setting: channel.Setting{History: channel.History{Messages: messages, Age: time.Hour}}}})
}

// A changed setting counts from the next publication on, for whoever was there before it.
func TestASettingCountsFromTheNextPublicationOn(t *testing.T) {
	h := open(t, limit.Limits{})
	m := h.enter(t, "acme", "ana", &ear{})
	publish := func() (offset uint64) {
		receipt, fault := m.Publish(context.Background(), "room:1", hub.Publication{Data: []byte("1")})
		must(t, fault)
		return receipt.Position.Offset
	}
	set := func(s *channel.Settings) {
		next := *h.tenants["acme"]
		next.Channels = s
		m.Renew(nil, func(tenant.ID) *realm.Tenant { return &next })
	}
	if at := publish(); at != 0 {
		t.Errorf("without history: got offset %d, want none", at)
	}
	set(keeping(t, "room:*", 10))
	first, second := publish(), publish()
	if first == 0 || second <= first {
		t.Errorf("with history: got offsets %d and %d, want two that grow", first, second)
	}
	set(keeping(t, "hall:*", 10))
	if at := publish(); at != 0 {
		t.Errorf("without history again: got offset %d, want none", at)
	}
}
