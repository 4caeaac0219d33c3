package webhook_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"portcullis/internal/config"
	"portcullis/internal/webhook"
)

// What a configuration may name is what there is.
func TestEveryKindCanBeChosen(t *testing.T) {
	field, _ := reflect.TypeFor[config.Webhook]().FieldByName("Events")
	var kinds []string
	for _, k := range webhook.Kinds {
		kinds = append(kinds, string(k))
	}
	if got, want := field.Tag.Get("enum"), strings.Join(kinds, ","); got != want {
		t.Errorf("the configuration knows %s, want %s", got, want)
	}
}

func TestProblemsOfWhatAWebhookNames(t *testing.T) {
	good := file(t, "secret", secretOf(key))
	tests := []struct {
		name   string
		change func(*config.Webhook)
		want   string
	}{
		{"sound", func(*config.Webhook) {}, ""},
		{"no secret file", func(w *config.Webhook) { w.SecretFile = "nowhere" }, "webhooks[0].secret_file"},
		{"a secret that is none", func(w *config.Webhook) { w.SecretFile = config.File(file(t, "s", "hunter2hunter2hunter2")) }, "webhooks[0].secret_file"},
		{"a previous secret that is none", func(w *config.Webhook) { w.PreviousSecretFile = "nowhere" }, "webhooks[0].previous_secret_file"},
		{"a pattern that is none", func(w *config.Webhook) { w.Channels = []string{"room:*", "**:room"} }, "webhooks[0].channels[1]"},
		{"no authorities file", func(w *config.Webhook) { w.AuthoritiesFile = "nowhere" }, "webhooks[0].authorities_file"},
		{"authorities that are none", func(w *config.Webhook) { w.AuthoritiesFile = config.File(good) }, "webhooks[0].authorities_file"},
	}
	for _, tt := range tests {
		w := one("https://acme.example/hook", good)
		tt.change(&w)
		s, problems := webhook.Read(&config.Config{Tenants: []config.Tenant{{ID: "acme", Webhooks: []config.Webhook{w}}}})
		if (s == nil) != (tt.want != "") || len(problems) > 1 || tt.want != "" && (len(problems) == 0 || problems[0].Path != tt.want) || strings.Contains(fmt.Sprint(problems), "hunter2") {
			t.Errorf("%s: got %v, want %q", tt.name, problems, tt.want)
		}
	}
}
