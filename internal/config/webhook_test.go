package config_test

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"portcullis/internal/config"
)

// Every way to get a webhook wrong.
func TestProblemsOfAWebhook(t *testing.T) {
	const (
		tenant = "id: acme\nissuers: [{issuer: i, audience: a, jwks_file: k}]\nrules: [{name: r, deny: [manage]}]\nwebhooks:\n"
		url    = "url: https://b.example/h"
		events = "events: [connection.opened, message.published]"
		secret = "secret_file: s"
	)
	hook := func(keys ...string) string { return "- {" + strings.Join(keys, ", ") + "}\n" }
	tests := []struct{ name, hooks, want string }{
		{"a sound one", hook(url, events, secret, "channels: ['room:*']", "payload: true", "timeout: 1s", "previous_secret_file: o", "authorities_file: c"), ""},
		{"on this machine", hook("url: http://127.0.0.1:9/h", events, secret), ""},
		{"on this machine, by name", hook("url: 'http://localhost:9/h?key=1'", events, secret), ""},
		{"no url", hook(events, secret), "webhooks[0].url: is missing"},
		{"no events", hook(url, secret), "webhooks[0].events: is missing"},
		{"no event in the list", hook(url, secret, "events: []"), "webhooks[0].events: is an empty list"},
		{"an event that is not known", hook(url, secret, "events: [connected]"), `webhooks[0].events[0]: "connected" is none of connection.opened, connection.closed, ` +
			"subscription.started, subscription.ended, channel.occupied, channel.vacated, message.published"},
		{"an event twice", hook(url, secret, "events: [connection.opened, connection.opened]"), `webhooks[0].events[1]: "connection.opened" is there twice`},
		{"no secret", hook(url, events), "webhooks[0].secret_file: is missing"},
		{"the same secret twice", hook(url, events, secret, "previous_secret_file: s"), "webhooks[0].previous_secret_file: is the file of secret_file too"},
		{"plain http", hook("url: http://b.example/h", events, secret), `webhooks[0].url: "http://b.example/h" must be https`},
		{"plain http to a private address", hook("url: http://10.0.0.1/h", events, secret), `webhooks[0].url: "http://10.0.0.1/h" must be https`},
		{"another scheme", hook("url: ftp://b.example/h", events, secret), `webhooks[0].url: "ftp://b.example/h" must be https`},
		{"no scheme", hook("url: b.example/h", events, secret), "webhooks[0].url: is no address of a receiver"},
		{"no host", hook("url: 'https:///h'", events, secret), "webhooks[0].url: is no address of a receiver"},
		{"a password", hook("url: https://u:hunter2@b.example/h", events, secret), `webhooks[0].url: holds a user or password for "b.example"`},
		{"no port", hook("url: 'https://b.example:99999/h'", events, secret), `webhooks[0].url: "https://b.example:99999/h" has no port between 1 and 65535`},
		{"port 0", hook("url: 'https://b.example:0/h'", events, secret), `webhooks[0].url: "https://b.example:0/h" has no port`},
		{"a fragment", hook("url: 'https://b.example/h#x'", events, secret), `webhooks[0].url: "https://b.example/h" has a fragment`},
		{"plain http to the metadata of a cloud", hook("url: http://169.254.169.254/latest", events, secret), `webhooks[0].url: "http://169.254.169.254/latest" must be https`},
		{"plain http to all addresses of this machine", hook("url: http://0.0.0.0:8081/", events, secret), `webhooks[0].url: "http://0.0.0.0:8081/" must be https`},
		{"plain http to a name like this machine's", hook("url: http://localhost.evil.example/", events, secret), `webhooks[0].url: "http://localhost.evil.example/" must be https`},
		{"a query over plain http", hook("url: 'http://b.example/h?key=hunter2'", events, secret), `webhooks[0].url: "http://b.example/h" must be https`},
		{"one address twice", hook(url, events, secret) + hook(url, events, secret), "webhooks[1].url: is the address of webhooks[0] too"},
		{"channels of connections", hook(url, secret, "events: [connection.opened]", "channels: ['room:*']"), "webhooks[0].channels: narrows nothing"},
		{"no channel in the list", hook(url, events, secret, "channels: []"), "webhooks[0].channels: is an empty list"},
		{"the payload of nothing", hook(url, secret, "events: [channel.occupied]", "payload: true"), "webhooks[0].payload: is for message.published"},
		{"authorities of plain http", hook("url: http://127.0.0.1/h", events, secret, "authorities_file: c"), "webhooks[0].authorities_file: is for https"},
		{"a long timeout", hook(url, events, secret, "timeout: 1m"), "webhooks[0].timeout: 1m is more than 30s"},
		{"a short timeout", hook(url, events, secret, "timeout: 1ms"), "webhooks[0].timeout: 1ms is less than 100ms"},
		{"too many", strings.Repeat(hook(url, events, secret), 9), "webhooks: there are 9"},
		{"an unknown key", hook(url, events, secret, "retries: 3"), `webhooks[0].retries: unknown key "retries"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"portcullis.yaml": "listen: {plaintext: true}\ntenants_dir: tenants\n", "tenants/acme.yaml": tenant + tt.hooks})
			_, problems := config.Load(filepath.Join(dir, "portcullis.yaml"))
			var all string
			for _, p := range problems {
				all += p.Path + ": " + p.Message + "\n"
			}
			if tt.want == "" && all != "" || !strings.Contains(all, tt.want) || strings.Contains(all, "hunter2") {
				t.Errorf("got %q, want %q", all, tt.want)
			}
		})
	}
}

func TestASigningKeyCannotBePrinted(t *testing.T) {
	key := strings.Repeat("k", 32)
	text := "whsec_" + base64.StdEncoding.EncodeToString([]byte(key))
	dir := folder(t, map[string]string{"s": text + "\n"})
	k, err := config.ReadSigningKey(config.File(filepath.Join(dir, "s")))
	if err != nil {
		t.Fatal(err)
	}
	type outer struct {
		Exported, unexported config.SigningKey
	}
	for _, v := range []any{k, &k, []config.SigningKey{k}, outer{k, k}, &outer{k, k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, key[:4]) || strings.Contains(got, fmt.Sprintf("%x", key[:4])) || strings.Contains(got, "107 107") || strings.Contains(got, text[6:12]) {
				t.Errorf("%s of %T prints the key: %s", verb, v, got)
			}
		}
	}
	if got := fmt.Sprintf("%x", k.Sign([]byte("a"), []byte(".b"))); got != fmt.Sprintf("%x", k.Sign([]byte("a.b"))) || len(got) != 64 {
		t.Errorf("parts sign otherwise than the whole: %s", got)
	}
}

func TestASigningKeyThatIsNone(t *testing.T) {
	for name, text := range map[string]string{
		"no prefix": base64.StdEncoding.EncodeToString(make([]byte, 32)), "no base64": "whsec_" + strings.Repeat("-", 44), "too short": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)),
		"too long": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)), "nothing": "", "the other alphabet": "whsec_" + strings.Repeat("_", 44),
	} {
		dir := folder(t, map[string]string{"s": text})
		_, err := config.ReadSigningKey(config.File(filepath.Join(dir, "s")))
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "s")) || len(text) > 20 && strings.Contains(err.Error(), text[10:]) {
			t.Errorf("%s: got %v, want an error that names the file and not what is in it", name, err)
		}
	}
}

// Somebody writes the secret where its file is to be named. What is said of it has the mistake and the remedy, and not the secret.
func TestASigningKeyInThePlaceOfItsFile(t *testing.T) {
	text := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xfb\xff", 16))) // with slashes in it
	dir := folder(t, map[string]string{"whsec_of_acme": "too short to be one\n"})
	_, err := config.ReadSigningKey(config.File(filepath.Join(dir, text)))
	if err == nil || strings.Contains(err.Error(), text[10:20]) || !strings.Contains(err.Error(), "looks like the secret itself") {
		t.Errorf("got %v", err)
	}
	if _, err := config.ReadSigningKey(config.File(filepath.Join(dir, "whsec_of_acme"))); err == nil || !strings.Contains(err.Error(), "whsec_of_acme must hold") {
		t.Errorf("a file of such a name: got %v, want what it must hold", err)
	}
}
