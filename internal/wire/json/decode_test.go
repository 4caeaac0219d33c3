package json_test

import (
	"bytes"
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
)

// served is one call of serve, its data copied.
type served struct {
	wire.Request
	fault *wire.Fault
}

func decode(text string) (all []served, end wire.Close) {
	end = json.Dialect{}.Open().Decode(wire.Text, []byte(text), func(r wire.Request, f *wire.Fault) bool {
		r.Data = bytes.Clone(r.Data)
		all = append(all, served{r, f})
		return true
	})
	return all, end
}

func TestRequestsAreRead(t *testing.T) {
	tests := []struct {
		name, text string
		want       wire.Request
	}{
		{"echo", `{"type":"echo","id":1,"channel":"lab:rtt","data":"Hello, Secure World!"}`,
			wire.Request{Verb: wire.Echo, ID: 1, Channel: "lab:rtt", Data: []byte(`"Hello, Secure World!"`)}},
		{"publish without an id", `{"type":"publish","channel":"room:1","data":{"text": [1, null]}}`,
			wire.Request{Verb: wire.Publish, Channel: "room:1", Data: []byte(`{"text": [1, null]}`)}},
		{"null is data", `{"type":"publish","channel":"a","data":null}`, wire.Request{Verb: wire.Publish, Channel: "a", Data: []byte("null")}},
		{"subscribe", `{"type":"subscribe","id":2,"channel":"room:1"}`, wire.Request{Verb: wire.Subscribe, ID: 2, Channel: "room:1"}},
		{"strict", `{"type":"subscribe","channel":"a","strict":true}`, wire.Request{Verb: wire.Subscribe, Channel: "a", Strict: true}},
		{"join_leave", `{"type":"subscribe","channel":"a","join_leave":true}`, wire.Request{Verb: wire.Subscribe, Channel: "a", JoinLeave: true}},
		{"not wanting it is", `{"type":"subscribe","channel":"a","join_leave":false,"self":true}`, wire.Request{Verb: wire.Subscribe, Channel: "a"}},
		{"self", `{"type":"subscribe","channel":"a","self":false}`, wire.Request{Verb: wire.Subscribe, Channel: "a", Mute: true}},
		{"an idempotency key", `{"type":"publish","channel":"a","data":1,"idempotency_key":"k"}`,
			wire.Request{Verb: wire.Publish, Channel: "a", Data: []byte("1"), Key: "k"}},
		{"bytes", `{"type":"publish","channel":"a","base64":"AA=="}`, wire.Request{Verb: wire.Publish, Channel: "a", Data: []byte{0}, Binary: true}},
		{"unsubscribe", `{"type":"unsubscribe","id":3,"channel":"room:1"}`, wire.Request{Verb: wire.Unsubscribe, ID: 3, Channel: "room:1"}},
		{"history", `{"type":"history","id":5,"channel":"a","limit":20}`, wire.Request{Verb: wire.History, ID: 5, Channel: "a", Limit: 20}},
		{"history, backwards and strictly", `{"type":"history","channel":"a","reverse":true,"strict":true}`, wire.Request{Verb: wire.History, Channel: "a", Reverse: true, Strict: true}},
		{"presence", `{"type":"presence","id":6,"channel":"a"}`, wire.Request{Verb: wire.Presence, ID: 6, Channel: "a"}},
		{"refresh", `{"type":"refresh","id":7,"token":"eyJ"}`, wire.Request{Verb: wire.Refresh, ID: 7, Token: "eyJ"}},
		{"ping", `{"type":"ping","id":9007199254740991}`, wire.Request{Verb: wire.Ping, ID: 1<<53 - 1}},
		{"white space and unknown members", " {\t\"extra\" : {\"type\":\"x\"} ,\r\n \"type\" : \"ping\" } ", wire.Request{Verb: wire.Ping}},
		{"escapes", `{"\u0074ype":"\u0070ing","channel":"\u0061"}`, wire.Request{Verb: wire.Ping}},
		{"an escaped channel", `{"type":"unsubscribe","channel":"\u0061:b"}`, wire.Request{Verb: wire.Unsubscribe, Channel: "a:b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all, end := decode(tt.text)
			if len(all) != 1 || all[0].fault != nil || end != (wire.Close{}) {
				t.Fatalf("got %+v, %v; want one request", all, end)
			}
			got := all[0].Request
			if got.Size != len(tt.text) {
				t.Errorf("got size %d of %d bytes", got.Size, len(tt.text))
			}
			got.Size, got.Opcode = 0, 0
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestARequestThatCannotBeReadSaysWhy(t *testing.T) {
	tests := []struct {
		name, text string
		code       wire.Code
		says       string
		id         int64
	}{
		{"nothing", ``, wire.BadRequest, "JSON object", 0},
		{"no object", `[]`, wire.BadRequest, "JSON object", 0},
		{"no JSON", `{"type":"ping",`, wire.BadRequest, "not JSON", 0},
		{"a single quote", `{'type':'ping'}`, wire.BadRequest, "byte 1", 0},
		{"no type", `{"id":4}`, wire.BadRequest, "type is missing", 4},
		{"a type that is no text", `{"id":4,"type":1}`, wire.BadRequest, "type is missing", 4},
		{"an unknown type", `{"id":4,"type":"shout"}`, wire.UnknownType, `"shout"`, 4},
		{"another case", `{"id":4,"type":"Ping"}`, wire.UnknownType, `"Ping"`, 4},
		{"a type twice", `{"id":4,"type":"ping","type":"echo"}`, wire.BadRequest, "type stands twice", 4},
		{"a channel twice, once escaped", `{"type":"publish","channel":"a","\u0063hannel":"b","data":1}`, wire.BadRequest, "channel stands twice", 0},
		{"id 0", `{"type":"ping","id":0}`, wire.BadRequest, "id must be", 0},
		{"a negative id", `{"type":"ping","id":-1}`, wire.BadRequest, "id must be", 0},
		{"an id too large", `{"type":"ping","id":9007199254740992}`, wire.BadRequest, "id must be", 0},
		{"a fraction", `{"type":"ping","id":1.0}`, wire.BadRequest, "id must be", 0},
		{"an exponent", `{"type":"ping","id":1e3}`, wire.BadRequest, "id must be", 0},
		{"a text", `{"type":"ping","id":"1"}`, wire.BadRequest, "id must be", 0},
		{"no channel", `{"type":"subscribe","id":4}`, wire.BadRequest, "subscribe needs a channel", 4},
		{"a channel that is no text", `{"type":"subscribe","id":4,"channel":["a"]}`, wire.BadRequest, "subscribe needs a channel", 4},
		{"no data", `{"type":"publish","id":4,"channel":"a"}`, wire.BadRequest, "publish needs data", 4},
		{"since without an offset", `{"type":"subscribe","id":4,"channel":"a","since":{"epoch":"x"}}`, wire.BadRequest, `since {"epoch":"x"} is no position; send one`, 4},
		{"a negative offset", `{"type":"subscribe","id":4,"channel":"a","since":{"offset":-1}}`, wire.BadRequest, `since {"offset":-1} is no position; send one`, 4},
		{"an offset twice", `{"type":"subscribe","id":4,"channel":"a","since":{"offset":1,"epoch":"x","offset":2}}`, wire.BadRequest, "offset stands twice", 4},
		{"an epoch twice, once escaped", `{"type":"history","id":4,"channel":"a","since":{"offset":1,"epoch":"x","\u0065poch":"y"}}`, wire.BadRequest, "epoch stands twice", 4},
		{"an offset in another case", `{"type":"subscribe","id":4,"channel":"a","since":{"Offset":1,"epoch":"x"}}`, wire.BadRequest, `since {"Offset":1,"epoch":"x"} is no position; send one`, 4},
		{"an offset with an exponent", `{"type":"subscribe","id":4,"channel":"a","since":{"offset":1e3,"epoch":"x"}}`, wire.BadRequest, `since {"offset":1e3,"epoch":"x"} is no position; send one`, 4},
		{"an offset of minus nothing", `{"type":"subscribe","id":4,"channel":"a","since":{"offset":-0,"epoch":"x"}}`, wire.BadRequest, `since {"offset":-0,"epoch":"x"} is no position; send one`, 4},
		{"an offset of 2^64", `{"type":"subscribe","id":4,"channel":"a","since":{"offset":18446744073709551616,"epoch":"x"}}`, wire.BadRequest, `since {"offset":18446744073709551616,"epoch":"x"} is no position; send one`, 4},
		{"a since that is no object", `{"type":"subscribe","id":4,"channel":"a","since":[{"offset":1,"epoch":"x"}]}`, wire.BadRequest, `since [{"offset":1,"epoch":"x"}] is no position; send one`, 4},
		{"strict that is no boolean", `{"type":"subscribe","id":4,"channel":"a","strict":1}`, wire.BadRequest, "strict 1 is neither true nor false; send", 4},
		{"arrays without end", `{"id":4,"type":"echo","channel":"a","data":` + strings.Repeat("[", 1000) + `}`, wire.BadRequest, "nests deeper", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all, end := decode(tt.text)
			if len(all) != 1 || all[0].fault == nil || end != (wire.Close{}) {
				t.Fatalf("got %+v, %v; want one fault", all, end)
			}
			got := all[0]
			if got.fault.Code != tt.code || !strings.Contains(got.fault.Message, tt.says) || got.ID != tt.id {
				t.Errorf("got id %d, %v; want id %d, %s: ...%s", got.ID, got.fault, tt.id, tt.code, tt.says)
			}
		})
	}
}

func TestSeveralRequestsInOneFrame(t *testing.T) {
	all, _ := decode("{\"type\":\"ping\",\"id\":1}\n{\"type\":\"nope\",\"id\":2}\n{\"type\":\"ping\",\"id\":3}\n")
	if len(all) != 3 || all[0].ID != 1 || all[1].fault == nil || all[2].ID != 3 {
		t.Fatalf("got %+v, want three, the second a fault", all)
	}
	all, _ = decode(`{"type":"ping","type":"ping","id":1}{"type":"ping","id":2}`)
	if len(all) != 2 || all[0].fault == nil || all[1].fault != nil || all[1].ID != 2 {
		t.Errorf("got %+v, want the second to be served after a first with a member twice", all)
	}
	all, _ = decode("{\"type\":\"ping\",\"id\":1}\n{\"type\":}\n{\"type\":\"ping\",\"id\":3}")
	if len(all) != 2 || all[1].fault == nil {
		t.Errorf("got %+v, want the rest of the frame to be one fault", all)
	}
}

func TestServeCanStop(t *testing.T) {
	calls := 0
	json.Dialect{}.Open().Decode(wire.Text, []byte(`{"type":"ping"}{"type":"ping"}`), func(wire.Request, *wire.Fault) bool {
		calls++
		return false
	})
	if calls != 1 {
		t.Errorf("got %d calls, want 1", calls)
	}
}

func TestBinaryIsRefused(t *testing.T) {
	end := json.Dialect{}.Open().Decode(wire.Binary, []byte(`{"type":"ping"}`), func(wire.Request, *wire.Fault) bool {
		t.Error("a binary message was served")
		return true
	})
	if end != wire.UnsupportedPayload {
		t.Errorf("got %v, want %v", end, wire.UnsupportedPayload)
	}
}

// Whatever a client sends: every request that is served without a fault has the members that encoding/json finds, and data that is JSON.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"type":"echo","id":1,"channel":"lab:rtt","data":"Hello, Secure World!"}`,
		`{"type":"subscribe","id":2,"channel":"room:1","since":{"offset":41,"epoch":"x7"},"strict":true}`,
		"{\"type\":\"ping\",\"id\":1}\n{\"type\":\"ping\",\"id\":2}",
		`{"type":"publish","channel":"a","data":{"a":[1,2,{"b":"\u0000"}]}}`,
		`{"type":"publish","channel":"a","base64":"AAEC/w==","idempotency_key":"c1-17"}`, `{"type":"publish","channel":"a","base64":"AA\n=="}`,
		`{"type":"history","id":5,"channel":"room:1","limit":20,"since":{"offset":18446744073709551615,"epoch":"\u0078"},"reverse":true,"strict":false}`,
		`{"type":"history","channel":"a","limit":-1,"since":{"OFFSET":1,"epoch":null}}`, `{"type":"subscribe","channel":"a","self":false,"since":{"offset":1e3,"epoch":"x"}}`,
		`{"TYPE":"ping","type":"echo","channel":"\"","data":[]}`, `{"\u0074ype":"ping"}`, `{"type":"ping","type":"ping"}`, `{`, `}{`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		all, _ := decode(text)
		if len(all) == 0 {
			t.Fatal("nothing was served: a client must hear what is wrong")
		}
		size := 0
		rest := stdjson.NewDecoder(strings.NewReader(text))
		for _, got := range all {
			size += got.Size
			var want map[string]stdjson.RawMessage
			err := rest.Decode(&want)
			if got.fault != nil {
				if got.fault.Code == "" || got.fault.Message == "" {
					t.Fatalf("a fault without words: %+v", got.fault)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%q was served and is not JSON: %v", text, err)
			}
			var verb, channel string
			stdjson.Unmarshal(want["type"], &verb)
			stdjson.Unmarshal(want["channel"], &channel)
			if verb != string(got.Verb) || got.Channel != "" && got.Channel != channel {
				t.Fatalf("%q: got %s on %q, want %s on %q", text, got.Verb, got.Channel, verb, channel)
			}
			if got.Binary {
				var text string
				stdjson.Unmarshal(want["base64"], &text)
				if want["data"] != nil || base64.StdEncoding.EncodeToString(got.Data) != text {
					t.Fatalf("%q: got bytes %q", text, got.Data)
				}
			} else if got.Data != nil && !bytes.Equal(got.Data, want["data"]) {
				t.Fatalf("%q: got data %q, want %q", text, got.Data, want["data"])
			}
		}
		if size != len(text) {
			t.Fatalf("%d bytes were counted of %d", size, len(text))
		}
	})
}
