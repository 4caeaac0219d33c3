package api_test

import (
	"cmp"
	stdjson "encoding/json"
	"os"
	"reflect"
	"testing"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
)

// vectors is api/vectors/frames.json.
type vectors struct {
	Client []struct {
		Name     string
		Frame    string
		Outcomes []outcome
	}
	Server []struct {
		Name    string
		Frame   string
		Welcome *welcome
		Reply   *reply
		Message *said
		Notice  *notice
	}
}

type outcome struct {
	Verb    wire.Verb
	Code    wire.Code
	ID      int64
	Channel *string
	Data    *string
	Since   *struct {
		Offset uint64
		Epoch  string
	}
	Strict    bool
	JoinLeave bool `json:"join_leave"`
	Mute      bool
	Key       string
	Base64    []byte
	Limit     int
	Reverse   bool
	Sealed    bool
}

type welcome struct {
	Connection, Tenant, User, Segment, Node string
	Expires                                 int64
	PingMS                                  int64 `json:"ping_ms"`
	Limits                                  struct {
		MessageSize                    int `json:"message_size"`
		SubscriptionsPerConnection     int `json:"subscriptions_per_connection"`
		MessagesPerSecondPerConnection int `json:"messages_per_second_per_connection"`
		BytesPerSecondPerConnection    int `json:"bytes_per_second_per_connection"`
	}
}

type reply struct {
	Verb      wire.Verb
	ID        int64
	Channel   string
	Data      string
	Sealed    bool
	Time      int64
	Expires   int64
	Offset    uint64
	Epoch     string
	Duplicate bool
	Recovered *bool
	Replayed  int
	Reason    wire.Unrecovered
	Messages  []said
	More      *bool
	Code      wire.Code
	Message   string
	RetryMS   int64 `json:"retry_ms"`
	Presence  *wire.Attendance
}

type said struct {
	Channel  string
	Offset   uint64
	Previous uint64
	Time     int64
	From     message.Sender
	Data     string
	Base64   []byte
	Sealed   bool
}

type notice struct {
	Kind    wire.NoticeKind
	InMS    int64 `json:"in_ms"`
	Channel string
	Code    wire.Code
	Message string

	Member *message.Member
	Told   bool
	Count  int
	Gap    *wire.Gap
}

func (n *notice) wire() *wire.Notice {
	w := &wire.Notice{Kind: n.Kind, In: time.Duration(n.InMS) * time.Millisecond, Channel: n.Channel, Member: n.Member, Told: n.Told, Count: n.Count, Gap: n.Gap}
	if n.Code != "" {
		w.Fault = &wire.Fault{Code: n.Code, Message: n.Message}
	}
	return w
}

func load(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("vectors/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := stdjson.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Client) == 0 || len(v.Server) == 0 {
		t.Fatal("there are no vectors")
	}
	return v
}

func TestTheGatewayReadsTheClientsFrames(t *testing.T) {
	for _, v := range load(t).Client {
		t.Run(v.Name, func(t *testing.T) {
			var read int
			refused := json.Dialect{}.Open().Decode(wire.Text, []byte(v.Frame), func(r wire.Request, fault *wire.Fault) bool {
				if read++; read <= len(v.Outcomes) {
					check(t, v.Outcomes[read-1], r, fault)
				}
				return true
			})
			if read != len(v.Outcomes) || refused != (wire.Close{}) {
				t.Errorf("got %d requests and close %v, want %d and none", read, refused, len(v.Outcomes))
			}
		})
	}
}

func check(t *testing.T, want outcome, r wire.Request, fault *wire.Fault) {
	t.Helper()
	var code wire.Code
	if fault != nil {
		code = fault.Code
	}
	if code != want.Code || r.ID != want.ID || want.Channel != nil && r.Channel != *want.Channel {
		t.Errorf("got code %q, id %d, channel %q; want %+v", code, r.ID, r.Channel, want)
	}
	if fault != nil {
		return
	}
	var since *message.Position
	if want.Since != nil {
		since = &message.Position{Offset: want.Since.Offset, Epoch: want.Since.Epoch}
	}
	if r.Verb != want.Verb || r.Strict != want.Strict || r.JoinLeave != want.JoinLeave || r.Mute != want.Mute || r.Key != want.Key || r.Limit != want.Limit || r.Reverse != want.Reverse ||
		r.Binary != (want.Base64 != nil) || want.Base64 != nil && string(r.Data) != string(want.Base64) || r.Sealed != want.Sealed || !reflect.DeepEqual(r.Since, since) ||
		want.Data != nil && string(r.Data) != *want.Data {
		t.Errorf("got %+v with data %s, want %+v with %v", r, r.Data, want, want.Data)
	}
}

func TestTheGatewayWritesTheServersFrames(t *testing.T) {
	for _, v := range load(t).Server {
		t.Run(v.Name, func(t *testing.T) {
			var got []byte
			switch {
			case v.Welcome != nil:
				got = json.Dialect{}.Open().AppendWelcome(nil, v.Welcome.wire())
			case v.Reply != nil:
				got, _ = json.Dialect{}.Open().AppendReply(nil, v.Reply.wire())
			case v.Message != nil:
				got = json.Dialect{}.AppendMessage(nil, v.Message.wire())
			case v.Notice != nil:
				got = json.Dialect{}.AppendNotice(nil, v.Notice.wire())
			default:
				t.Fatal("the vector gives the gateway nothing to say")
			}
			if v.Frame == "" && len(got) == 0 {
				return
			}
			if text := payload(got); !same(t, text, v.Frame) {
				t.Errorf("got  %s\nwant %s", text, v.Frame)
			}
		})
	}
}

// payload takes the header off a server's frame of less than 64 KiB (RFC 6455, section 5.2).
func payload(frame []byte) string {
	if len(frame) > 1 && frame[1] == 126 {
		return string(frame[4:])
	}
	return string(frame[min(2, len(frame)):])
}

// same compares JSON values, whatever the order of their members.
func same(t *testing.T, got, want string) bool {
	t.Helper()
	var g, w any
	if err := cmp.Or(stdjson.Unmarshal([]byte(got), &g), stdjson.Unmarshal([]byte(want), &w)); err != nil {
		t.Fatalf("%v in %q or %q", err, got, want)
	}
	return reflect.DeepEqual(g, w)
}

func (w *welcome) wire() *wire.Welcome {
	return &wire.Welcome{
		Connection: w.Connection, Tenant: w.Tenant, User: w.User, Segment: w.Segment, Node: w.Node,
		Expires: time.UnixMilli(w.Expires), Ping: time.Duration(w.PingMS) * time.Millisecond, Limits: wire.Limits(w.Limits),
	}
}

func (r *reply) wire() *wire.Reply {
	w := &wire.Reply{Verb: r.Verb, ID: r.ID, Channel: r.Channel, Data: []byte(r.Data), Sealed: r.Sealed, Opcode: wire.Text, Time: time.UnixMilli(r.Time), Expires: time.UnixMilli(r.Expires), Presence: r.Presence,
		Position: message.Position{Offset: r.Offset, Epoch: r.Epoch}, Duplicate: r.Duplicate}
	if r.Recovered != nil {
		w.Recovery = &wire.Recovery{Recovered: *r.Recovered, Replayed: r.Replayed, Reason: r.Reason}
	}
	if r.More != nil {
		w.Page = &wire.Page{More: *r.More}
		for i := range r.Messages {
			w.Page.Messages = append(w.Page.Messages, *r.Messages[i].wire())
		}
	}
	if r.Code != "" {
		w.Fault = &wire.Fault{Code: r.Code, Message: r.Message, Retry: time.Duration(r.RetryMS) * time.Millisecond}
	}
	return w
}

func (s *said) wire() *message.Message {
	m := &message.Message{From: s.From, Time: time.UnixMilli(s.Time), Data: []byte(s.Data), Sealed: s.Sealed, Position: message.Position{Offset: s.Offset}, Previous: s.Previous}
	if s.Channel != "" { // a page of history has it once
		m.Channel.Name = channel.MustParse(s.Channel)
	}
	if s.Base64 != nil {
		m.Data, m.Binary = s.Base64, true
	}
	return m
}
