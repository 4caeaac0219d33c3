package json_test

import (
	stdjson "encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
)

// payload takes the one frame apart and returns its text.
func payload(t *testing.T, frame []byte) string {
	t.Helper()
	header := wire.AppendHeader(nil, wire.Text, len(frame)-2)
	for _, n := range []int{2, 4, 10} {
		if n <= len(frame) {
			if h := wire.AppendHeader(nil, wire.Text, len(frame)-n); len(h) == n && string(h) == string(frame[:n]) {
				return string(frame[n:])
			}
		}
	}
	t.Fatalf("%q does not begin with the header of one whole frame such as %x", frame, header)
	return ""
}

func room(t *testing.T) channel.Ref {
	name, err := channel.Parse("room:1")
	if err != nil {
		t.Fatal(err)
	}
	return channel.Ref{Tenant: tenant.MustParse("acme"), Name: name}
}

func TestMessagesAreOneFrameWhateverTheirSize(t *testing.T) {
	at := time.UnixMilli(1767222000123)
	for _, size := range []int{0, 10, 100, 60_000, 70_000} {
		data := `"` + strings.Repeat("x", size) + `"`
		m := &message.Message{Channel: room(t), From: message.Sender{User: `an"a`, Connection: "c_7"}, Time: at, Data: []byte(data)}
		before := []byte("before")
		frames := json.Dialect{}.AppendMessage(before, m)
		if string(frames[:6]) != "before" {
			t.Fatalf("what was there is gone: %.20q", frames)
		}
		want := `{"type":"message","channel":"room:1","time":1767222000123,"from":{"user":"an\"a","connection":"c_7"},"data":` + data + `}`
		if got := payload(t, frames[6:]); got != want {
			t.Errorf("size %d: got %.200s, want %.200s", size, got, want)
		}
	}
}

func TestAMessageWithAPositionTellsIt(t *testing.T) {
	m := &message.Message{Channel: room(t), Time: time.UnixMilli(1), Data: []byte("1"), Position: message.Position{Offset: 45, Epoch: "x7"}, Previous: 44}
	got := payload(t, json.Dialect{}.AppendMessage(nil, m))
	if want := `{"type":"message","channel":"room:1","offset":45,"previous":44,"time":1,"from":{"user":""},"data":1}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReplies(t *testing.T) {
	tests := []struct {
		name  string
		reply wire.Reply
		want  string
	}{
		{"echo", wire.Reply{Verb: wire.Echo, ID: 1, Channel: "a", Data: []byte(`{"b": 1}`)}, `{"type":"ok","id":1,"channel":"a","data":{"b": 1}}`},
		{"ping", wire.Reply{Verb: wire.Ping, ID: 8, Time: time.UnixMilli(5)}, `{"type":"ok","id":8,"time":5}`},
		{"subscribe", wire.Reply{Verb: wire.Subscribe, ID: 2, Channel: "a"}, `{"type":"ok","id":2,"channel":"a"}`},
		{"not recovered", wire.Reply{Verb: wire.Subscribe, ID: 2, Channel: "a", Recovery: &wire.Recovery{Reason: "no_history"}},
			`{"type":"ok","id":2,"channel":"a","recovered":false,"reason":"no_history"}`},
		{"no ok without an id", wire.Reply{Verb: wire.Publish, Channel: "a"}, ""},
		{"an error without an id", wire.Reply{Verb: wire.Publish, Channel: "a\"\x01", Fault: &wire.Fault{Code: wire.Forbidden, Message: "no"}},
			`{"type":"error","channel":"a\"\u0001","code":"forbidden","message":"no"}`},
		{"an error to retry, rounded up", wire.Reply{ID: 4, Fault: &wire.Fault{Code: wire.RateLimited, Message: "slow", Retry: 1500 * time.Microsecond}},
			`{"type":"error","id":4,"code":"rate_limited","message":"slow","retry_ms":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frame, told := json.Dialect{}.Open().AppendReply(nil, &tt.reply)
			if !told {
				t.Fatal("the dialect had no word")
			}
			got := ""
			if len(frame) > 0 {
				got = payload(t, frame)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTheWelcomeNamesLimitsThatExist(t *testing.T) {
	w := wire.Welcome{
		Connection: "c_1", Tenant: "acme", User: "a|b", Segment: "a|b", Node: "n_1", Expires: time.UnixMilli(9), Ping: 25 * time.Second,
		Limits: wire.Limits{MessageSize: 65536, MessagesPerSecondPerConnection: 50},
	}
	var got map[string]any
	if err := stdjson.Unmarshal([]byte(payload(t, json.Dialect{}.Open().AppendWelcome(nil, &w))), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "welcome", "connection": "c_1", "tenant": "acme", "user": "a|b", "segment": "a|b", "node": "n_1", "expires": 9.0, "ping_ms": 25000.0,
		"limits": map[string]any{"message_size": 65536.0, "messages_per_second_per_connection": 50.0},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What nobody asked for is told with its position, where the channel keeps history: in the welcome, and later.
func TestSubscriptionsThatWereChosen(t *testing.T) {
	at := message.Position{Offset: 4, Epoch: "x7"}
	w := wire.Welcome{Connection: "c_1", Expires: time.UnixMilli(9), Ping: time.Second, Subscriptions: []wire.Subscription{{Channel: "user:ana:inbox", Position: at}, {Channel: "room:lobby"}}}
	if got, want := payload(t, json.Dialect{}.Open().AppendWelcome(nil, &w)),
		`{"type":"welcome","connection":"c_1","expires":9,"ping_ms":1000,"limits":{},"subscriptions":[{"channel":"user:ana:inbox","offset":4,"epoch":"x7"},{"channel":"room:lobby"}]}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, tt := range []struct {
		notice wire.Notice
		want   string
	}{
		{wire.Notice{Kind: wire.Subscribed, Channel: "a", Position: at}, `{"type":"subscribed","channel":"a","offset":4,"epoch":"x7"}`},
		{wire.Notice{Kind: wire.Subscribed, Channel: "a", Position: message.Position{Epoch: "x7"}}, `{"type":"subscribed","channel":"a","offset":0,"epoch":"x7"}`},
		{wire.Notice{Kind: wire.Subscribed, Channel: "a"}, `{"type":"subscribed","channel":"a"}`},
	} {
		if got := payload(t, json.Dialect{}.AppendNotice(nil, &tt.notice)); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	name, _ := channel.Parse("room:1")
	m := &message.Message{
		Channel: channel.Ref{Tenant: tenant.MustParse("acme"), Name: name},
		From:    message.Sender{User: "ana", Connection: "c_7Qm2"}, Time: time.Now(), Data: []byte(`"` + strings.Repeat("x", 126) + `"`),
	}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = json.Dialect{}.AppendMessage(buf[:0], m)
	}
}

func BenchmarkDecode(b *testing.B) {
	text := []byte(`{"type":"publish","id":12,"channel":"room:1","data":"` + strings.Repeat("x", 126) + `"}`)
	codec := json.Dialect{}.Open()
	b.ReportAllocs()
	for b.Loop() {
		codec.Decode(wire.Text, text, func(wire.Request, *wire.Fault) bool { return true })
	}
}
