package metrics_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/listen"
	"portcullis/internal/message"
	"portcullis/internal/metrics"
	"portcullis/internal/session"
	"portcullis/internal/tenant"
	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
	"portcullis/internal/wire/mirror"
)

var notAfter = time.Unix(1_900_000_000, 0)

func newMetrics() *metrics.Metrics {
	return metrics.New(metrics.Build{Version: "1.2.3", Revision: "abc"}, []wire.Dialect{json.Dialect{}, mirror.Dialect{}})
}

// read returns every series of ours with its value, those of a histogram as _count and _sum.
func read(t testing.TB, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]float64)
	for _, f := range families {
		name, ours := strings.CutPrefix(f.GetName(), "portcullis_")
		if !ours {
			continue
		}
		for _, s := range f.GetMetric() {
			var labels []string
			for _, l := range s.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			of := ""
			if len(labels) > 0 {
				of = "{" + strings.Join(labels, ",") + "}"
			}
			if h := s.GetHistogram(); h != nil {
				series[name+"_count"+of], series[name+"_sum"+of] = float64(h.GetSampleCount()), h.GetSampleSum()
				continue
			}
			series[name+of] = s.GetCounter().GetValue() + s.GetGauge().GetValue()
		}
	}
	return series
}

// moved returns the series that differ, by how much.
func moved(before, after map[string]float64) map[string]float64 {
	changes := make(map[string]float64)
	for name, value := range after {
		was, known := before[name]
		if !known || was != value {
			changes[name] = value - was
		}
	}
	return changes
}

func TestAnEventMovesItsSeriesAndNoOther(t *testing.T) {
	type want map[string]float64
	done := time.Now()
	two := &hub.Batch{Recipients: 3, Bytes: 600, Done: done, Messages: []*message.Message{
		{Time: done.Add(-time.Second)}, {Time: done.Add(-2 * time.Second)},
	}}
	tests := []struct {
		name  string
		event func(m *metrics.Metrics)
		want  want
	}{
		{"ready", func(m *metrics.Metrics) { m.Ready(true) }, want{"ready": 1}},
		{"not ready any more", func(m *metrics.Metrics) { m.Ready(true); m.Ready(false) }, want{}},
		{"draining", func(m *metrics.Metrics) { m.Draining(true) }, want{"draining": 1}},

		{"a signature is verified", func(m *metrics.Metrics) {
			_ = m.Counted(metrics.Signatures, gate{}).Acquire(context.Background())
		}, want{"verifications_total{kind=signature}": 1}},
		{"a chain is verified", func(m *metrics.Metrics) {
			_ = m.Counted(metrics.Chains, gate{}).Acquire(context.Background())
		}, want{"verifications_total{kind=chain}": 1}},
		{"nobody has a turn to verify", func(m *metrics.Metrics) {
			_ = m.Counted(metrics.Signatures, gate{errors.New("full")}).Acquire(context.Background())
		}, want{}},

		{"a rule allows", func(m *metrics.Metrics) {
			m.Hub().Decided(acl.Publish, acl.Decision{Allowed: true, Rule: "r", Basis: acl.ExplicitAllow})
		}, want{"acl_decisions_total{action=publish,basis=explicit_allow,decision=allow}": 1}},
		{"no rule allows, at the door", func(m *metrics.Metrics) {
			m.Gateway().Decided(acl.Echo, acl.Decision{Basis: acl.NoMatch})
		}, want{"acl_decisions_total{action=echo,basis=no_match,decision=deny}": 1}},
		{"two messages to three subscribers", func(m *metrics.Metrics) { m.Hub().Delivered(two) }, want{
			"messages_sent_total{type=message}": 6, "sent_bytes_total": 600,
			"fanout_recipients_count": 2, "fanout_recipients_sum": 6,
			"delivery_duration_seconds_count": 2, "delivery_duration_seconds_sum": 3,
		}},
		{"a message from the future", func(m *metrics.Metrics) {
			m.Hub().Delivered(&hub.Batch{Done: done, Messages: []*message.Message{{Time: done.Add(time.Hour)}}})
		}, want{"fanout_recipients_count": 1, "delivery_duration_seconds_count": 1}},
		{"subscriptions come and go", func(m *metrics.Metrics) {
			m.Hub().Subscriptions(1)
			m.Hub().Subscriptions(1)
			m.Hub().Subscriptions(-1)
			m.Hub().Channels(1)
		}, want{"subscriptions": 1, "channels": 1}},

		{"a connection", func(m *metrics.Metrics) { m.Sessions().Opened("c_1", "", "portcullis.echo.v1", &auth.Principal{}) }, want{
			"connections": 1, "connections_opened_total{protocol=portcullis.echo.v1}": 1,
		}},
		{"a request", func(m *metrics.Metrics) { m.Sessions().Received(wire.Subscribe, 70) }, want{
			"messages_received_total{type=subscribe}": 1, "received_bytes_total": 70,
			"received_message_size_bytes_count": 1, "received_message_size_bytes_sum": 70,
		}},
		{"a request that nobody can read", func(m *metrics.Metrics) { m.Sessions().Received("", 2) }, want{
			"messages_received_total{type=unknown}": 1, "received_bytes_total": 2,
			"received_message_size_bytes_count": 1, "received_message_size_bytes_sum": 2,
		}},
		{"an answer", func(m *metrics.Metrics) { m.Sessions().Sent("ok", 30) }, want{
			"messages_sent_total{type=ok}": 1, "sent_bytes_total": 30,
		}},
		{"an error", func(m *metrics.Metrics) { m.Sessions().Refused(wire.Publish, wire.Forbidden) }, want{
			"command_errors_total{code=forbidden,command=publish}": 1,
		}},
		{"a rate is over", func(m *metrics.Metrics) { m.Sessions().Refused("", wire.RateLimited) }, want{
			"command_errors_total{code=rate_limited,command=unknown}": 1, "rate_limited_total": 1,
		}},
		{"a pong", func(m *metrics.Metrics) { m.Sessions().Pong(250 * time.Millisecond) }, want{
			"ping_rtt_seconds_count": 1, "ping_rtt_seconds_sum": .25,
		}},
		{"the client leaves", func(m *metrics.Metrics) {
			m.Sessions().Closed(&session.Report{Initiator: session.Client, Reason: session.ClientNormal, Code: 1000, Duration: time.Minute})
		}, want{
			"connections": -1, "connections_closed_total{initiator=client,reason=client_normal}": 1,
			"connection_duration_seconds_count": 1, "connection_duration_seconds_sum": 60,
		}},
		{"a slow reader is closed", func(m *metrics.Metrics) {
			m.Sessions().Closed(&session.Report{Initiator: session.Server, Reason: wire.SlowConsumer.Name, Code: wire.SlowConsumer.Status})
		}, want{
			"connections": -1, "connections_closed_total{initiator=server,reason=slow_consumer}": 1,
			"close_frames_sent_total{code=4101}": 1, "slow_consumers_total": 1, "connection_duration_seconds_count": 1,
		}},
		{"a slow reader is stuck", func(m *metrics.Metrics) {
			m.Sessions().Closed(&session.Report{Initiator: session.Network, Reason: session.NetworkStuck})
		}, want{
			"connections": -1, "connections_closed_total{initiator=network,reason=stuck}": 1,
			"slow_consumers_total": 1, "connection_duration_seconds_count": 1,
		}},

		{"somebody comes in", func(m *metrics.Metrics) {
			m.Gateway().Answered(attempt(door.Accepted, time.Second))
		}, want{
			"handshakes_total{fault=none,reason=ok,result=accepted}": 1,
			"handshake_duration_seconds_count{result=accepted}":      1, "handshake_duration_seconds_sum{result=accepted}": 1,
		}},
		{"a signature is wrong", func(m *metrics.Metrics) {
			m.Gateway().Answered(attempt(auth.BadSignature, time.Second))
		}, want{
			"handshakes_total{fault=client,reason=bad_signature,result=rejected}": 1,
			"handshake_duration_seconds_count{result=rejected}":                   1, "handshake_duration_seconds_sum{result=rejected}": 1,
		}},
		{"there are no keys", func(m *metrics.Metrics) {
			m.Gateway().Answered(attempt(auth.KeysUnavailable, 0))
		}, want{
			"handshakes_total{fault=server,reason=keys_unavailable,result=rejected}": 1, "handshake_duration_seconds_count{result=rejected}": 1,
		}},

		{"two tenants are near a limit, and one reached another", func(m *metrics.Metrics) {
			m.Tenants().Near(limit.Connections, 2)
			m.Tenants().Met(limit.MessagesPerSecondPerUser, 7)
			m.Tenants().Unnamed()
		}, want{"tenants_near_limit{limit=connections}": 2, "limit_refusals_total{limit=messages_per_second_per_user}": 7, "metric_label_overflow_total": 1}},

		{"strangers come and go", func(m *metrics.Metrics) {
			m.Lobby().Waiting(1)
			m.Lobby().Waiting(1)
			m.Lobby().Waiting(-1)
		}, want{"connections_without_session": 1}},
		{"there are too many", func(m *metrics.Metrics) {
			for _, why := range limit.Turns {
				m.Lobby().TurnedAway(why)
			}
		}, want{
			"connections_turned_away_total{reason=full}": 1, "connections_turned_away_total{reason=displaced}": 1,
			"connections_turned_away_total{reason=address_full}": 1, "connections_turned_away_total{reason=address_rate}": 1,
		}},

		{"TLS 1.3", func(m *metrics.Metrics) { m.TLS().Handshake(tls.VersionTLS13) }, want{"tls_handshakes_total{version=1.3}": 1}},
		{"TLS 1.2", func(m *metrics.Metrics) { m.TLS().Handshake(tls.VersionTLS12) }, want{"tls_handshakes_total{version=1.2}": 1}},
		{"no TLS", func(m *metrics.Metrics) { m.TLS().HandshakeError(listen.PlainHTTP) }, want{
			"tls_handshake_errors_total{reason=plain_http}": 1,
		}},
		{"the first certificate is no reload", func(m *metrics.Metrics) { m.TLS().CertificateLoaded(notAfter) }, want{
			"tls_certificate_not_after_timestamp_seconds": 1_900_000_000,
		}},
		{"the second is", func(m *metrics.Metrics) {
			m.TLS().CertificateLoaded(notAfter.Add(-time.Hour))
			m.TLS().CertificateLoaded(notAfter)
		}, want{"tls_certificate_not_after_timestamp_seconds": 1_900_000_000, "tls_reloads_total{result=ok}": 1}},
		{"a certificate that cannot be used", func(m *metrics.Metrics) { m.TLS().ReloadFailed(errors.New("no PEM")) }, want{
			"tls_reloads_total{result=failed}": 1,
		}},

		{"two issuers have keys", func(m *metrics.Metrics) {
			m.Keys().Fetched("a", nil, time.Second, 2)
			m.Keys().Fetched("b", nil, time.Second, 3)
		}, want{
			"jwks_fetches_total{result=ok}": 2, "jwks_fetch_duration_seconds_count": 2, "jwks_fetch_duration_seconds_sum": 2,
			"jwks_keys": 5, "jwks_issuers{keys=fresh}": 2,
		}},
		{"one of them fails and rotates meanwhile", func(m *metrics.Metrics) {
			m.Keys().Fetched("a", nil, 0, 2)
			m.Keys().Fetched("a", errors.New("unreachable"), 0, 2)
			m.Keys().Fetched("b", nil, 0, 2)
			m.Keys().Fetched("b", nil, 0, 1)
		}, want{
			"jwks_fetches_total{result=ok}": 3, "jwks_fetches_total{result=failed}": 1, "jwks_fetch_duration_seconds_count": 4,
			"jwks_keys": 3, "jwks_issuers{keys=fresh}": 1, "jwks_issuers{keys=kept}": 1,
		}},
		{"an issuer never answered", func(m *metrics.Metrics) { m.Keys().Fetched("a", errors.New("unreachable"), 0, 0) }, want{
			"jwks_fetches_total{result=failed}": 1, "jwks_fetch_duration_seconds_count": 1, "jwks_issuers{keys=missing}": 1,
		}},

		{"the first of two tenants' revocation lists runs out", func(m *metrics.Metrics) {
			m.Lists().Loaded(tenant.MustParse("acme"), notAfter)
			m.Lists().Loaded(tenant.MustParse("globex"), notAfter.Add(-time.Hour))
		}, want{"crl_loads_total{result=ok}": 2, "crl_next_update_timestamp_seconds": 1_900_000_000 - 3600}},
		{"and is followed by another", func(m *metrics.Metrics) {
			m.Lists().Loaded(tenant.MustParse("acme"), notAfter)
			m.Lists().Loaded(tenant.MustParse("globex"), notAfter.Add(-time.Hour))
			m.Lists().Loaded(tenant.MustParse("globex"), notAfter.Add(time.Hour))
		}, want{"crl_loads_total{result=ok}": 3, "crl_next_update_timestamp_seconds": 1_900_000_000}},
		{"a revocation list that cannot be used", func(m *metrics.Metrics) { m.Lists().Failed(tenant.MustParse("acme")) }, want{"crl_loads_total{result=failed}": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMetrics()
			before := read(t, m)
			tt.event(m)
			if got := moved(before, read(t, m)); !maps.Equal(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

// gate is one that is always open, or never.
type gate struct{ err error }

func (g gate) Acquire(context.Context) error { return g.err }
func (gate) Release()                        {}

// What stands in no table of the program, wherever it came from, is counted as other: it makes no series.
func TestAStrangersWordNeverBecomesALabel(t *testing.T) {
	m := newMetrics()
	before := read(t, m)
	const evil = "evil\",type=\"x"
	for range 3 {
		m.Hub().Decided(acl.Action(200), acl.Decision{Allowed: true, Basis: acl.ExplicitAllow})
		m.Hub().Decided(acl.Publish, acl.Decision{Allowed: true, Basis: acl.NoMatch}) // contradicts itself
		m.Hub().Decided(acl.Publish, acl.Decision{Basis: evil})
		m.Sessions().Opened("c_1", "", evil, &auth.Principal{})
		m.Sessions().Received(evil, 0)
		m.Sessions().Sent(evil, 0)
		m.Sessions().Refused(evil, wire.Forbidden)
		m.Sessions().Refused(wire.Publish, evil)
		m.Sessions().Closed(&session.Report{Initiator: session.Client, Reason: evil, Code: 3999})
		m.Sessions().Closed(&session.Report{Initiator: session.Server, Reason: wire.Draining.Name, Code: 4999})
		m.Lobby().TurnedAway(evil)
		m.Gateway().Answered(attempt(evil, 0))
		m.TLS().Handshake(tls.VersionTLS10)
		m.TLS().HandshakeError(evil)
		m.Keys().Fetched(evil, nil, 0, 0)
	}
	after := read(t, m)
	if len(after) != len(before) {
		t.Errorf("there were %d series, now there are %d", len(before), len(after))
	}
	got := moved(before, after)
	for series, want := range map[string]float64{
		"acl_decisions_total{action=other,basis=other,decision=other}": 9,
		"connections_opened_total{protocol=other}":                     3,
		"messages_received_total{type=other}":                          3,
		"messages_sent_total{type=other}":                              3,
		"command_errors_total{code=other,command=other}":               6,
		"connections_closed_total{initiator=other,reason=other}":       3,
		"close_frames_sent_total{code=other}":                          3,
		"handshakes_total{fault=server,reason=other,result=rejected}":  3,
		"connections_turned_away_total{reason=other}":                  3,
		"tls_handshakes_total{version=other}":                          3,
		"tls_handshake_errors_total{reason=other_tls_problems}":        3,
	} {
		if got[series] != want {
			t.Errorf("%s moved by %v, want %v", series, got[series], want)
		}
	}
	for series := range after {
		if strings.Contains(series, "evil") {
			t.Errorf("there is a series %s", series)
		}
	}
}

func TestEverySeriesIsThereAtZero(t *testing.T) {
	got := read(t, newMetrics())
	var want []string
	for _, v := range append([]wire.Verb{"unknown", "other"}, wire.Verbs...) {
		want = append(want, fmt.Sprintf("messages_received_total{type=%s}", v))
		for _, c := range wire.Codes {
			if v != "other" {
				want = append(want, fmt.Sprintf("command_errors_total{code=%s,command=%s}", c.Code, v))
			}
		}
	}
	for _, a := range acl.Actions {
		for _, b := range acl.Bases {
			answer := "deny"
			if b == acl.ExplicitAllow {
				answer = "allow"
			}
			want = append(want, fmt.Sprintf("acl_decisions_total{action=%s,basis=%s,decision=%s}", a, b, answer))
		}
	}
	for _, c := range wire.Closes {
		want = append(want, fmt.Sprintf("close_frames_sent_total{code=%d}", c.Status),
			fmt.Sprintf("connections_closed_total{initiator=server,reason=%s}", c.Name))
	}
	for _, a := range door.Answers {
		result := "rejected"
		if a.Reason == door.Accepted {
			result = "accepted"
		}
		want = append(want, fmt.Sprintf("handshakes_total{fault=%s,reason=%s,result=%s}", a.Fault, a.Reason, result))
	}
	for _, r := range listen.Reasons() {
		want = append(want, fmt.Sprintf("tls_handshake_errors_total{reason=%s}", r))
	}
	want = append(want,
		"ready", "draining", "connections", "subscriptions", "channels", "jwks_keys", "jwks_issuers{keys=missing}",
		"messages_sent_total{type=welcome}", "messages_sent_total{type=ok}", "messages_sent_total{type=error}", "messages_sent_total{type=message}",
		"connections_opened_total{protocol=portcullis.v1.json}", "connections_opened_total{protocol=portcullis.echo.v1}",
		"connections_closed_total{initiator=client,reason=client_normal}", "connections_closed_total{initiator=network,reason=lost}",
		"tls_handshakes_total{version=1.2}", "tls_handshakes_total{version=1.3}", "tls_reloads_total{result=failed}",
		"jwks_fetches_total{result=failed}", "slow_consumers_total", "rate_limited_total", "received_bytes_total", "sent_bytes_total",
		"delivery_duration_seconds_count", "handshake_duration_seconds_count{result=accepted}", "handshake_duration_seconds_count{result=rejected}",
		"ping_rtt_seconds_count", "connection_duration_seconds_count", "fanout_recipients_count", "jwks_fetch_duration_seconds_count",
	)
	for _, series := range want {
		if value, ok := got[series]; !ok || value != 0 {
			t.Errorf("%s: got %v, there %v; want 0", series, value, ok)
		}
	}
	for _, series := range slices.Sorted(maps.Keys(got)) {
		if got[series] != 0 && !strings.HasPrefix(series, "build_info{") {
			t.Errorf("%s begins at %v, want 0", series, got[series])
		}
	}
	if _, ok := got["tls_certificate_not_after_timestamp_seconds"]; ok {
		t.Error("a certificate of 1970 is told before there is one")
	}
}

func TestPrometheusFindsNothingToSayAboutTheNames(t *testing.T) {
	m := newMetrics()
	m.TLS().CertificateLoaded(notAfter)
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) != 0 {
		t.Errorf("got %v, %v; want no problem", problems, err)
	}
	for _, f := range families {
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", f.GetName())
		}
	}
}

// A scrape stays far below what deploy/prometheus.yml lets in.
func TestAScrape(t *testing.T) {
	m := newMetrics()
	for accept, want := range map[string]string{
		"": "text/plain; version=0.0.4", "application/openmetrics-text;version=1.0.0": "application/openmetrics-text; version=1.0.0",
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, r)
		body := w.Body.String()
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || !strings.HasPrefix(got, want) {
			t.Errorf("asked for %q: got %d, %q; want 200, %q", accept, w.Code, got, want)
		}
		for _, part := range []string{"\nportcullis_connections 0", "\ngo_goroutines ", "\nprocess_cpu_seconds_total ", "\ngo_sched_latencies_seconds_count ",
			`portcullis_build_info{goversion="go1.`, `revision="abc",version="1.2.3"} 1`} {
			if !strings.Contains(body, part) {
				t.Errorf("asked for %q: there is no %q", accept, part)
			}
		}
		if samples := strings.Count(body, "\n"); samples > 2000 || len(body) > 256<<10 {
			t.Errorf("asked for %q: %d lines, %d bytes; want at most 2000 and 256 KiB", accept, samples, len(body))
		}
	}
}

// A second node in the process, as in tests and simulations, has its own numbers.
func TestTwoNodesShareNothing(t *testing.T) {
	a, b := newMetrics(), newMetrics()
	before := read(t, b)
	a.Sessions().Opened("c_1", "", "portcullis.v1.json", &auth.Principal{})
	a.Hub().Channels(1)
	if got := moved(before, read(t, b)); len(got) != 0 {
		t.Errorf("the other node moved %v", got)
	}
}

// attempt is a handshake that was answered.
func attempt(reason auth.Reason, took time.Duration) *door.Attempt {
	return &door.Attempt{Caller: &door.Caller{Purpose: door.Handshake}, Reason: reason, Took: took}
}
