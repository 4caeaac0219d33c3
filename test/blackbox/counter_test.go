package blackbox_test

import (
	"fmt"
	"testing"
)

// The counters of messages and bytes move by exactly what went over the wire: what clients sent without its framing, what the gateway sent with it.
func TestCountersMoveByExactlyWhatWasSent(t *testing.T) {
	t.Parallel()
	for _, secured := range []bool{false, true} {
		g := start(t, options{tls: secured, acme: tenantOptions{limits: noRates}})
		var received, sent float64
		hear := func(c *conn) {
			t.Helper()
			f, err := c.message(patience)
			if err != nil {
				t.Fatal(err)
			}
			sent += float64(len(f.unmasked()))
		}
		say := func(c *conn, request string, answers int) {
			t.Helper()
			received += float64(len(request))
			c.say("%s", request)
			for range answers {
				hear(c)
			}
		}
		dial := func(user string) *conn {
			a := g.handshake(t, bearer(acme.token(user, roles("member", "prober"))))
			c := &conn{line: a.line, t: t}
			hear(c)
			return c
		}
		ana, bob, eve := dial("ana"), dial("bob"), dial("eve")
		for _, c := range []*conn{ana, bob, eve} {
			say(c, `{"type":"subscribe","id":1,"channel":"room:count"}`, 1)
		}
		for id := 1; id <= 7; id++ {
			say(ana, fmt.Sprintf(`{"type":"publish","id":%d,"channel":"room:count","data":"Grüße"}`, id), 2)
			hear(bob)
			hear(eve)
		}
		for range 3 {
			say(bob, `{"type":"publish","channel":"ops:x","data":1}`, 1)
		}
		say(eve, `{"type":"echo","id":1,"channel":"lab:rtt","data":[1,2,3]}`, 1)
		say(eve, `{"type":"ping"}`, 0)
		say(eve, `{"type":"unsubscribe","id":1,"channel":"room:count"}`, 1)
		say(eve, `{"type":"history","id":1,"channel":"room:count"}`, 1)
		say(eve, `{"type":"dance"}`, 1)
		say(eve, `nonsense`, 1)

		// A frame is counted when it has been taken: its client may have read it a moment before.
		for _, want := range []struct {
			name   string
			labels []string
			value  float64
		}{
			{"portcullis_connections", nil, 3},
			{"portcullis_connections_opened_total", []string{"protocol", "portcullis.v1.json"}, 3},
			{"portcullis_connections_opened_total", nil, 3},
			{"portcullis_subscriptions", nil, 2},
			{"portcullis_channels", nil, 1},
			{"portcullis_messages_received_total", []string{"type", "subscribe"}, 3},
			{"portcullis_messages_received_total", []string{"type", "publish"}, 10},
			{"portcullis_messages_received_total", []string{"type", "echo"}, 1},
			{"portcullis_messages_received_total", []string{"type", "ping"}, 1},
			{"portcullis_messages_received_total", []string{"type", "unsubscribe"}, 1},
			{"portcullis_messages_received_total", []string{"type", "history"}, 1},
			{"portcullis_messages_received_total", []string{"type", "unknown"}, 2},
			{"portcullis_messages_received_total", nil, 19},
			{"portcullis_received_message_size_bytes_count", nil, 19},
			{"portcullis_received_message_size_bytes_sum", nil, received},
			{"portcullis_received_bytes_total", nil, received},
			{"portcullis_messages_sent_total", []string{"type", "welcome"}, 3},
			{"portcullis_messages_sent_total", []string{"type", "ok"}, 3 + 7 + 2},
			{"portcullis_messages_sent_total", []string{"type", "error"}, 3 + 3},
			{"portcullis_messages_sent_total", []string{"type", "message"}, 3 * 7},
			{"portcullis_messages_sent_total", []string{"type", "other"}, 0},
			{"portcullis_sent_bytes_total", nil, sent},
			{"portcullis_fanout_recipients_count", nil, 7},
			{"portcullis_fanout_recipients_sum", nil, 21},
			{"portcullis_delivery_duration_seconds_count", nil, 7},
			{"portcullis_acl_decisions_total", []string{"action", "publish", "decision", "allow", "basis", "explicit_allow"}, 7},
			{"portcullis_acl_decisions_total", []string{"action", "publish", "decision", "deny", "basis", "explicit_deny"}, 3},
			{"portcullis_acl_decisions_total", []string{"action", "subscribe", "decision", "allow", "basis", "explicit_allow"}, 3},
			{"portcullis_acl_decisions_total", []string{"action", "echo", "decision", "allow", "basis", "explicit_allow"}, 1},
			{"portcullis_acl_decisions_total", []string{"action", "history", "decision", "deny", "basis", "no_match"}, 1},
			{"portcullis_acl_decisions_total", nil, 15},
			{"portcullis_command_errors_total", []string{"command", "publish", "code", "forbidden"}, 3},
			{"portcullis_command_errors_total", []string{"command", "history", "code", "forbidden"}, 1},
			{"portcullis_command_errors_total", []string{"command", "unknown", "code", "unknown_type"}, 1},
			{"portcullis_command_errors_total", []string{"command", "unknown", "code", "bad_request"}, 1},
			{"portcullis_command_errors_total", nil, 6},
			{"portcullis_rate_limited_total", nil, 0},
			{"portcullis_slow_consumers_total", nil, 0},
			{"portcullis_handshakes_total", []string{"result", "accepted", "reason", "ok", "fault", "none"}, 3},
			{"portcullis_handshakes_total", nil, 3},
			{"portcullis_connections_closed_total", nil, 0},
		} {
			g.until(t, want.value, want.name, want.labels...)
		}

		// Each leaves in its own way.
		ana.put(frame{fin: true, opcode: opClose, payload: []byte{1001 >> 8, 1001 & 0xFF}})
		bob.put(frame{fin: true, opcode: opClose, payload: []byte{4999 >> 8, 4999 & 0xFF}})
		eve.Close()
		g.until(t, 0, "portcullis_connections")
		for _, left := range [][2]string{{"client", "client_normal"}, {"client", "client_other"}, {"network", "lost"}} {
			g.until(t, 1, "portcullis_connections_closed_total", "initiator", left[0], "reason", left[1])
		}
		g.until(t, 3, "portcullis_connections_closed_total")
		g.until(t, 0, "portcullis_close_frames_sent_total")
		g.until(t, 3, "portcullis_connection_duration_seconds_count")
		g.until(t, 0, "portcullis_subscriptions")
		g.until(t, 0, "portcullis_channels")
	}
}
