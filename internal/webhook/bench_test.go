package webhook_test

import (
	"net/http"
	"testing"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
)

// What a publisher pays: nothing without a webhook, and one encoding with one. The receiver takes everything.
func BenchmarkPublished(b *testing.B) {
	m := message.Message{
		Channel: channel.Ref{Tenant: tenant.MustParse("acme"), Name: channel.MustParse("room:1")},
		From:    message.Sender{User: "ana", Connection: "c_ABCDEFGHIJKLMNOP"}, Time: time.Now(), Data: make([]byte, 128),
	}
	for i := range m.Data {
		m.Data[i] = '1'
	}
	hook := one("https://acme.example/hook", file(b, "secret", secretOf(key)))
	full := hook
	full.Payload = true
	unwanted := one("https://acme.example/hook", file(b, "secret", secretOf(key)), "connection.opened")
	for _, tt := range []struct {
		name  string
		hooks map[string][]config.Webhook
	}{
		{"nobody has a webhook", nil},
		{"another tenant has one", map[string][]config.Webhook{"globex": {hook}}},
		{"one of other events", map[string][]config.Webhook{"acme": {unwanted}}},
		{"one", map[string][]config.Webhook{"acme": {hook}}},
		{"one with payload", map[string][]config.Webhook{"acme": {full}}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			h := open(b, settings(b, tt.hooks).Through(taker{}))
			b.ReportAllocs()
			for b.Loop() {
				h.Published(m)
			}
			h.stop()
		})
	}
}

// taker takes everything.
type taker struct{}

func (taker) RoundTrip(r *http.Request) (*http.Response, error) {
	return status(http.StatusNoContent), r.Body.Close()
}
