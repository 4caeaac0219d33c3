package blackbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// verbatim returns the next message as it stands on the wire.
func (c *conn) verbatim() string {
	c.t.Helper()
	f, err := c.message(patience)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(f.payload)
}

// An id is an integer that every JSON reader holds exactly. For anything else there is one error, without an id: whose would it be?
func TestIDsThatAreNone(t *testing.T) {
	c := unbounded(t).dial(t, acme.token("ana"))
	for _, id := range []string{
		"0", "-0", "-1", "9007199254740992", "9223372036854775807", "9223372036854775808", "1e400", "-9223372036854775809", "99999999999999999999999999999",
		"1.5", "1.0", "1e3", "1E0", `"1"`, `""`, "null", "true", "[1]", `{"id":1}`, "[]",
	} {
		c.say(`{"type":"ping","id":%s}`, id)
		if e := c.hear(); e["type"] != "error" || e["code"] != "bad_request" || e["id"] != nil {
			t.Errorf("id %s: got %v, want bad_request without an id", id, e)
		}
	}
	for _, bad := range []string{"01", "+1", "0x1", ".5", "1.", "--1", "NaN", "Infinity", "1 2", "", "'1'"} {
		c.say(`{"type":"ping","id":%s}`, bad)
		if e := c.hear(); e["code"] != "bad_request" {
			t.Errorf("id %s, which is no JSON: got %v, want bad_request", bad, e)
		}
	}
	for _, id := range []string{"1", "9007199254740991"} {
		c.say(`{"type":"echo","id":%s,"channel":"lab:rtt","data":0}`, id)
		if got, want := c.verbatim(), fmt.Sprintf(`{"type":"ok","id":%s,"channel":"lab:rtt","data":0}`, id); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// One id twice is the client's own business: each request has its answer.
func TestOneIDTwiceInFlight(t *testing.T) {
	c := unbounded(t).dial(t, acme.token("ana"))
	echo := func(data int) frame {
		return text(fmt.Sprintf(`{"type":"echo","id":7,"channel":"lab:rtt","data":%d}`, data))
	}
	if err := c.put(echo(1), echo(2), text(`{"type":"publish","id":7,"channel":"ops:x","data":0}`), echo(3)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"data":1}`, `"data":2}`, `"code":"forbidden","message":"publish on ops:x is not allowed"}`, `"data":3}`} {
		if got := c.verbatim(); !strings.Contains(got, `"id":7,`) || !strings.HasSuffix(got, want) {
			t.Errorf("got %s, want an answer to 7 with %s", got, want)
		}
	}
}

// Without an id there is no ok, but an error there is.
func TestRequestsWithoutAnID(t *testing.T) {
	g := unbounded(t)
	c := g.dial(t, acme.token("ana", roles("member")))
	for _, request := range []string{
		`{"type":"ping"}`,
		`{"type":"echo","channel":"lab:rtt","data":1}`,
		`{"type":"subscribe","channel":"room:quiet"}`,
		`{"type":"unsubscribe","channel":"room:quiet"}`,
		`{"type":"publish","channel":"room:quiet","data":1}`,
	} {
		c.say("%s", request)
	}
	for request, code := range map[string]string{
		`{"type":"publish","channel":"ops:x","data":1}`: "forbidden",
		`{"type":"echo","channel":"lab:rtt"}`:           "bad_request",
		`{"type":"echo","channel":"lab:*","data":1}`:    "bad_channel",
		`{"type":"unsubscribe","channel":"room:quiet"}`: "not_subscribed",
		`{"type":"history","channel":"room:quiet"}`:     "forbidden",
		`{"type":"dance"}`:                              "unknown_type",
		`{"type":"welcome"}`:                            "unknown_type",
		`{"type":"message","channel":"room:quiet"}`:     "unknown_type",
		`{"type":"ok"}`:                                 "unknown_type",
		`{"type":"Ping"}`:                               "unknown_type",
		`{"type":17}`:                                   "bad_request",
		`{"Type":"ping"}`:                               "bad_request",
		`{}`:                                            "bad_request",
		`[]`:                                            "bad_request",
		`[{"type":"ping"}]`:                             "bad_request",
		`"ping"`:                                        "bad_request",
		`null`:                                          "bad_request",
		`{"type":"ping"`:                                "bad_request",
		`{"type":"ping",}`:                              "bad_request",
		`{'type':'ping'}`:                               "bad_request",
		`{"type":"ping"} trailing`:                      "bad_request",
		"\ufeff" + `{"type":"ping"}`:                    "bad_request",
		`{"type":"ping","type":"ping"}`:                 "bad_request",
		`{"type":"echo","channel":7,"data":1}`:          "bad_request",
		`{"type":"echo","channel":"lab:\u0000","data":1}`:       "bad_channel",
		`{"type":"echo","channel":"lab:\ud800","data":1}`:       "bad_channel",
		"{\"type\":\"echo\",\"channel\":\"lab:\n\",\"data\":1}": "bad_request",
		``:     "bad_request",
		` `:    "bad_request",
		"\n\n": "bad_request",
	} {
		c.say("%s", request)
		if e := c.hear(); e["type"] != "error" || e["code"] != code || e["id"] != nil {
			t.Errorf("%q: got %v, want the error %s without an id", request, e, code)
		}
	}
	c.does(`{"type":"ping","id":1}`)
	c.silent(0)
}

// A client that does not wait for its answers gets them in the order of its requests.
func TestTenThousandPipelinedRequests(t *testing.T) {
	for name, g := range map[string]*gateway{"plain": unbounded(t), "TLS": unboundedTLS(t)} {
		t.Run(name, func(t *testing.T) {
			c := g.dial(t, acme.token("ana"))
			const count = 10_000
			var frames []frame
			for id := 1; id <= count; id++ {
				request := `{"type":"echo","id":%[1]d,"channel":"lab:rtt","data":%[1]d}`
				switch id % 10 {
				case 3:
					request = `{"type":"publish","id":%d,"channel":"ops:x","data":1}`
				case 6:
					request = `{"type":"history","id":%d,"channel":"room:1"}`
				}
				frames = append(frames, text(fmt.Sprintf(request, id)))
			}
			writing := make(chan error, 1)
			go func() { writing <- c.put(frames...) }()
			for id := 1; id <= count; id++ {
				want := fmt.Sprintf(`{"type":"ok","id":%[1]d,"channel":"lab:rtt","data":%[1]d}`, id)
				switch id % 10 {
				case 3:
					want = fmt.Sprintf(`{"type":"error","id":%d,"channel":"ops:x","code":"forbidden","message":"publish on ops:x is not allowed"}`, id)
				case 6:
					want = fmt.Sprintf(`{"type":"error","id":%d,"channel":"room:1","code":"forbidden","message":"history on room:1 is not allowed"}`, id)
				}
				if got := c.verbatim(); got != want {
					t.Fatalf("answer %d: got %s, want %s", id, got, want)
				}
			}
			if err := <-writing; err != nil {
				t.Fatal(err)
			}
			c.silent(0)
		})
	}
}

// A frame may hold several requests. Where one breaks off nobody knows where the next begins: what was before it is served, the rest is one error.
func TestSeveralRequestsInOneFrame(t *testing.T) {
	g := unbounded(t)
	c := g.dial(t, acme.token("ana"))
	received := g.mark(t, "portcullis_messages_received_total")
	pings := g.mark(t, "portcullis_messages_received_total", "type", "ping")
	var lines []string
	for id := 1; id <= 100; id++ {
		lines = append(lines, fmt.Sprintf(`{"type":"ping","id":%d}`, id))
	}
	c.say("%s", strings.Join(lines, "\n"))
	for id := 1; id <= 100; id++ {
		if e := c.hear(); e["type"] != "ok" || e["id"] != float64(id) {
			t.Fatalf("got %v, want the answer to %d", e, id)
		}
	}
	received.moved(t, 100)
	pings.moved(t, 100)

	lines[2] = `{"type":"ping","id":3`
	c.say("\r\n \t%s\n\n", strings.Join(lines[:5], "\n\n"))
	for _, want := range []string{`{"type":"ok","id":1,`, `{"type":"ok","id":2,`, `{"type":"error","id":3,"code":"bad_request",`} {
		if got := c.verbatim(); !strings.HasPrefix(got, want) {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	received.moved(t, 103)
	c.silent(20 * time.Millisecond)
}

// Depth and size of a client's JSON may cost neither stack nor time.
func TestAMillionBytesOfNestedJSON(t *testing.T) {
	g := start(t, options{acme: tenantOptions{limits: noRates + "\nmessage_size: 512KiB"}})
	token := acme.token("ana")
	const most = 500_000
	fill := func(begin, unit, end string) string {
		return begin + strings.Repeat(unit, (most-len(begin)-len(end))/len(unit)) + end
	}
	nested := func(depth int) string {
		return `{"type":"echo","id":1,"channel":"lab:rtt","data":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
	}
	tests := []struct{ name, request, want string }{
		{"nothing but brackets", fill("", "[", ""), `{"type":"error","code":"bad_request"`},
		{"nothing but braces", fill("", "{", ""), `{"type":"error","code":"bad_request"`},
		{"arrays in data", nested(most/2 - 50), `{"type":"error","id":1,"channel":"lab:rtt","code":"bad_request"`},
		{"objects in data", fill(`{"type":"echo","id":1,"channel":"lab:rtt","data":`, `{"a":`, ""), `{"type":"error","id":1,"channel":"lab:rtt","code":"bad_request"`},
		{"objects in a member that nobody knows", fill(`{"x":`, `{"a":[`, ""), `{"type":"error","code":"bad_request"`},
		{"65 deep", nested(65), `{"type":"error","id":1,"channel":"lab:rtt","code":"bad_request"`},
		{"64 deep", nested(64), `{"type":"ok","id":1,"channel":"lab:rtt","data":[[[[`},
		{"a long array", fill(`{"type":"echo","id":1,"channel":"lab:rtt","data":[0`, `,[]`, "]}"), `{"type":"ok","id":1,"channel":"lab:rtt","data":[0,[],`},
		{"a long text of escapes", fill(`{"type":"echo","id":1,"channel":"lab:rtt","data":"`, `\u0000`, `"}`), `{"type":"ok","id":1,"channel":"lab:rtt","data":"\u0000\u0000`},
		{"a long number", fill(`{"type":"echo","id":1,"channel":"lab:rtt","data":`, `9`, `}`), `{"type":"ok","id":1,"channel":"lab:rtt","data":9999`},
		{"many members", fill(`{"type":"ping","id":1`, `,"a":0`, `}`), `{"type":"ok","id":1,`},
		{"a long channel", fill(`{"type":"echo","id":1,"data":0,"channel":"`, `a`, `"}`), `{"type":"error","id":1,"channel":"aaaa`},
		{"a long type", fill(`{"id":1,"type":"`, `a`, `"}`), `{"type":"error","id":1,"code":"unknown_type"`},
		{"blank space", fill("", " ", `{"type":"ping","id":1}`), `{"type":"ok","id":1,`},
	}
	bystander := g.measure(t, token)
	c := g.dial(t, token)
	before := g.cpu(t)
	for _, tt := range tests {
		c.say("%s", tt.request)
		if got := c.verbatim(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %.200s, want %s", tt.name, got, tt.want)
		} else if strings.HasPrefix(tt.want, `{"type":"error"`) && len(got) > 1000 {
			t.Errorf("%s: the error has %d bytes", tt.name, len(got))
		}
	}
	if used := g.cpu(t) - before; used > bound(time.Second) {
		t.Errorf("reading %d requests took %v", len(tests), used)
	}
	closes := g.closes(t, "server", "message_too_big")
	go c.put(text(strings.Repeat("[", 1_000_000)))
	c.ends(t, 1009, `{"code":"message_too_big"}`)
	closes.moved(t, 1)
	bystander.calm(t, 250*time.Millisecond)
}
