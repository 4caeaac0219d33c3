package realm_test

import (
	"strings"
	"testing"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/realm"
	"portcullis/internal/tenant"
)

func withChannels(list string) string {
	return strings.Replace(both, "  - id: globex", "    channels: "+list+"\n  - id: globex", 1)
}

func TestSettingsAreTheTenantsOwn(t *testing.T) {
	s, problems := newWorld(t).build(withChannels(`[{match: "room:vip", history: {messages: 1000, ttl: 1h}}, {match: "room:*", history: {messages: 5}}]`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, want := range map[string]channel.History{
		"room:vip": {Messages: 1000, Age: time.Hour},
		"room:1":   {Messages: 5, Age: 24 * time.Hour},
		"news":     {},
	} {
		if got := s.Tenant(tenant.MustParse("acme")).Channels.Of(channel.MustParse(name)).History; got != want {
			t.Errorf("%s of acme: got %+v, want %+v", name, got, want)
		}
		if got := s.Tenant(tenant.MustParse("globex")).Channels.Of(channel.MustParse(name)).History; got.Kept() {
			t.Errorf("%s of globex: got %+v of another tenant's file", name, got)
		}
	}
}

// Encryption is asked for where the first entry says so, by the tenant that says it, and nowhere else.
func TestEncryptionIsAskedForWhereTheTenantSaysSo(t *testing.T) {
	s, problems := newWorld(t).build(withChannels(`[{match: "room:open", encryption: optional}, {match: "room:*", encryption: required}, {match: "hall:*", presence: true}]`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, want := range map[string]bool{"room:1": true, "room:open": false, "hall:1": false, "news": false} {
		if got := s.Tenant(tenant.MustParse("acme")).Channels.Of(channel.MustParse(name)).Sealed; got != want {
			t.Errorf("%s of acme: got %v, want %v", name, got, want)
		}
		if s.Tenant(tenant.MustParse("globex")).Channels.Of(channel.MustParse(name)).Sealed {
			t.Errorf("%s of globex: encryption is asked for by another tenant's file", name)
		}
	}
}

func TestASettingThatNeverCountsIsAWarning(t *testing.T) {
	s, problems := newWorld(t).build(withChannels(`[{match: "room:**", history: {messages: 1}}, {match: "room:*:vip", history: {messages: 2}}]`))
	if s == nil || len(problems) != 1 || problems[0].Severity != config.Warning || problems[0].Line != 9 || !strings.Contains(problems[0].String(), `channels[0], "room:**"`) {
		t.Errorf("got %v, want a snapshot and one warning of line 9 about channels[0]", problems)
	}
}

func TestUnchangedSettingsAreCarriedOver(t *testing.T) {
	w := newWorld(t)
	keys := &readings{seen: make(map[string]int)}
	was := w.after(nil, keys, withChannels(`[{match: "room:*", history: {messages: 5}}]`))
	again := func(tenants string) *realm.Tenant {
		return w.after(was, keys, tenants).Tenant(tenant.MustParse("acme"))
	}
	before := was.Tenant(tenant.MustParse("acme")).Channels
	rules := strings.Replace(withChannels(`[{match: "room:*", history: {messages: 5}}]`), "allow: [echo]", "allow: [publish]", 1)
	if got := again(rules).Channels; got != before {
		t.Error("other rules made other settings")
	}
	if got := again(withChannels(`[{match: "room:*", history: {messages: 6}}]`)).Channels; got.Of(channel.MustParse("room:1")).History.Messages != 6 {
		t.Error("other settings did not")
	}
}

func withChoices(list string) string {
	return strings.Replace(both, "  - id: globex", "    subscribe: "+list+"\n  - id: globex", 1)
}

// A choice that no rule could ever allow is told, and the tenant is loaded all the same.
func TestAChoiceThatNoRuleAllowsIsAWarning(t *testing.T) {
	s, problems := newWorld(t).build(withChoices(`[{channels: ["user:{user}:inbox"]}]`))
	if s == nil || len(problems) != 1 || problems[0].Severity != config.Warning || problems[0].Line != 9 || !strings.Contains(problems[0].String(), `nobody is ever subscribed to "user:{user}:inbox"`) {
		t.Errorf("got %v, want a snapshot and one warning of line 9", problems)
	}
	if s, problems = newWorld(t).build(withChoices(`[{channels: ["user:*"]}, {channels: ["user:{nobody}"]}]`)); s != nil || len(problems) != 2 || problems[0].Severity != config.Error {
		t.Errorf("got %v, want two errors", problems)
	}
}

// A live connection sees by the pointer whether anything changed.
func TestUnchangedChoicesAreCarriedOver(t *testing.T) {
	w := newWorld(t)
	keys := &readings{seen: make(map[string]int)}
	was := w.after(nil, keys, withChoices(`[{channels: ["a"]}]`))
	acme := tenant.MustParse("acme")
	if got := w.after(was, keys, strings.Replace(withChoices(`[{channels: ["a"]}]`), "allow: [echo]", "allow: [publish]", 1)); got.Tenant(acme).Choices != was.Tenant(acme).Choices {
		t.Error("other rules made other choices")
	}
	if got := w.after(was, keys, withChoices(`[{channels: ["b"]}]`)); got.Tenant(acme).Choices == was.Tenant(acme).Choices {
		t.Error("other choices did not")
	}
	if got := was.Tenant(tenant.MustParse("globex")).Choices; got != nil {
		t.Error("globex has choices of another tenant's file")
	}
}
