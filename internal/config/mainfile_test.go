package config_test

import (
	"fmt"
	"strings"
	"testing"

	"portcullis/internal/config"
)

// Every way to get the main file wrong, with the place and the words that an operator sees. The tested part stands first, so that its
// places are those in the row.
func TestProblemsOfTheMainFile(t *testing.T) {
	const tls = "listen: {tls: {certificate_file: a, key_file: b}}\n"
	tests := []struct {
		name, file string
		want       []string
	}{
		// What YAML is read.
		{"empty", "", []string{"1:1: the file is empty; the file must be one mapping"}},
		{"only comments", "# nothing\n", []string{"1:1: the file is empty"}},
		{"only null", "null\n", []string{"1:1: one mapping of keys to values, not nothing"}},
		{"a list", "- a\n", []string{"1:1: one mapping of keys to values, not a list"}},
		{"a text", "hello\n", []string{"1:1: one mapping of keys to values, not a text"}},
		{"two documents", listen + acme + "---\n" + listen, []string{"6:1: a second document begins here"}},
		{"a key that is indented too far", "admin: {}\n   log: {}\n", []string{"2:4: check the indentation"}},
		{"an unclosed list", "admin: {names: [a, b}\n", []string{"1:21: needs quotes"}},
		{"a template without quotes", "a: [user:{user}:**]\n", []string{"1:10: a text with : # { } [ ] , in it"}},
		{"an unclosed quote", "listen:\n  address: \":8443\n", []string{"2:12: could not find end character of double-quoted text"}},
		{"bad indentation", "drain:\n  delay: 1s\n grace: 30s\n", []string{"3:2: value is not allowed in this context"}},
		{"a tab", "drain:\n\tdelay: 1s\n", []string{"2:1: a tab stands where YAML counts spaces"}},
		{"an anchor", "listen: &l {plaintext: true}\n", []string{"1:9: anchors and aliases (&) are not read"}},
		{"an alias", listen + "admin: *l\n", []string{"2:8: anchors and aliases (*) are not read"}},
		{"a pattern without quotes", "a:\n- **\n", []string{"2:3: put it in quotes if it is a text"}},
		{"a merge", "listen: {plaintext: true}\nadmin:\n  <<: {address: x}\n", []string{"3:3: anchors and aliases (<<) are not read"}},
		{"a tag", "listen: !!map {plaintext: true}\n", []string{"1:9: tags (!!map) are not read"}},
		{"a key behind a question mark", "? listen\n: 1\n", []string{"1:1: keys behind ? are not read"}},
		{"no UTF-8", listen + "admin: {address: \xff}\n", []string{"2:18: byte 0xff is no UTF-8"}},
		{"a control character", "listen: {plaintext: \x00true}\n", []string{"1:21: the control character 0x00"}},
		{"brackets without end", strings.Repeat("[", 1<<17), []string{"1:33: more than 32 levels"}},
		{"dashes without end", strings.Repeat("- ", 1<<16), []string{"1:65: more than 32 levels"}},
		{"keys without end", strings.Repeat("a: b\n", 1<<15), []string{"1001:2: more than 1000 keys"}},

		// Keys and kinds.
		{"unknown key", listen + acme + "proxies: {}\n", []string{`6:1 proxies: unknown key "proxies"; remove it, known here are listen, admission, proxy, admin, metrics`}},
		{"everybody is a proxy", listen + acme + "proxy: {trusted: [0.0.0.0/0]}\n", []string{`6:19 proxy.trusted[0]: "0.0.0.0/0" is everybody`}},
		{"a range with bits behind its prefix", listen + acme + "proxy: {trusted: [10.0.0.1/8]}\n", []string{`6:19 proxy.trusted[0]: "10.0.0.1/8" has bits behind its prefix; write 10.0.0.0/8`}},
		{"a proxy by name", listen + acme + "proxy: {trusted: [lb.example]}\n", []string{`6:19 proxy.trusted[0]: "lb.example" is no address`}},
		{"PROXY from nobody", listen + acme + "proxy: {protocol: v2}\n", []string{`6:19 proxy.protocol: v2 needs trusted`}},
		{"PROXY of version 1", listen + acme + "proxy: {protocol: v1}\n", []string{`6:19 proxy.protocol: "v1" is none of none, v2`}},
		{"forwarded certificates from anybody", listen + acme + "proxy: {client_certificate_header: xfcc}\n", []string{
			`6:36 proxy.client_certificate_header: xfcc needs trusted`, `6:36 proxy.client_certificate_header: xfcc needs authorities_file`,
			`6:36 proxy.client_certificate_header: xfcc needs listen.tls`}},
		{"forwarded certificates, and no proxy is asked for its own", "listen: {tls: {certificate_file: a, key_file: b}}\n" + acme + "proxy: {trusted: [10.0.0.1], authorities_file: ca.pem, client_certificate_header: rfc9440}\n", []string{
			`6:83 proxy.client_certificate_header: rfc9440 needs listen.client_certificates`}},
		{"authorities of proxies for nothing", listen + acme + "proxy: {authorities_file: ca.pem}\n", []string{`6:27 proxy.authorities_file: is for client_certificate_header, which is none`}},
		{"more named tenants than a scrape may hold", "metrics: {tenants: 2001}\n" + listen + acme, []string{`1:20 metrics.tenants: 2001 is more than 2000, the most that is allowed`}},
		{"no named tenant", "metrics: {tenants: 0}\n" + listen + acme, []string{`1:20 metrics.tenants: "0" is no number of things; write a whole number of at least 1`}},
		{"outboxes of a node that hold less than one", "limits: {outbox_per_node: 64KiB}\n" + listen + acme, []string{`1:27 limits.outbox_per_node: 64KiB is less than 1MiB, which one slow client may use`}},
		{"outboxes of a node in decimal units", "limits: {outbox_per_node: 1GB}\n" + listen + acme, []string{`1:27 limits.outbox_per_node: "1GB" is no memory; write whole bytes or a binary unit`}},
		{"a tenant's limit for the node", "limits: {outbox: 1GiB}\n" + listen + acme, []string{`1:10 limits.outbox: unknown key "outbox"`}},
		{"unknown key near a known one", "lisen: {}\n" + listen + acme, []string{`1:1 lisen: unknown key "lisen"; did you mean "listen"?`}},
		{"unknown key below", "drain: {window: 60s}\n" + listen + acme, []string{`1:9 drain.window: unknown key "window"; remove it, known here are delay, grace`}},
		{"a key of a later issue", "broker: {nats: {}}\n" + listen + acme, []string{`1:10 broker.nats: unknown key "nats"`}},
		{"a folder of the engine that is empty", "broker: {state_dir: ''}\n" + listen + acme, []string{"1:21 broker.state_dir: is an empty text"}},
		{"a key that is a number", "1: 2\n" + listen + acme, []string{`1:1 1: unknown key "1"`}},
		{"a key with a dot", "\"a.b\": 2\n" + listen + acme, []string{`1:1 ["a.b"]: unknown key "a.b"`}},
		{"a key that steers a terminal", "\"\\u009b2J\\n\": 2\n" + listen + acme, []string{`1:1 ["\u009b2J\n"]: unknown key "\u009b2J\n"`}},
		{"a key twice", "drain: {delay: 1s}\n" + listen + "drain: {delay: 2s}\n" + acme, []string{"3:1 drain: is there twice, first in line 1"}},
		{"a key twice below", "drain: {delay: 1s, delay: 2s}\n" + listen + acme, []string{"1:20 drain.delay: is there twice, first in line 1"}},
		{"no value", "admin:\n" + listen + acme, []string{"1:1 admin: has no value; give it one, or remove the key"}},
		{"null", "admin: {address: null}\n" + listen + acme, []string{"1:9 admin.address: has no value"}},
		{"an empty text", "admin: {address: ''}\n" + listen + acme, []string{"1:18 admin.address: is an empty text"}},
		{"a text for a mapping", "drain: 10s\n" + listen + acme, []string{"1:8 drain: must be a mapping of delay, grace, not a text"}},
		{"a list for a mapping", "drain: [10s]\n" + listen + acme, []string{"1:8 drain: must be a mapping of delay, grace, not a list"}},
		{"a text for a list", "admin: {names: a}\n" + listen + acme, []string{"1:16 admin.names: must be a list, not a text; write [...]"}},
		{"a mapping for a text", "admin: {address: {port: 1}}\n" + listen + acme, []string{"1:18 admin.address: must be a text, not a mapping"}},
		{"a number for a text", "admin: {names: [8081]}\n" + listen + acme, []string{`1:17 admin.names[0]: must be a text, but 8081 unquoted is a number; write "8081"`}},
		{"a text for a boolean", "listen: {plaintext: \"yes\"}\n" + acme, []string{"1:9 listen: needs tls",
			"1:21 listen.plaintext: must be true or false, not a text"}},
		{"a list for one value", "drain: {delay: [1s]}\n" + listen + acme, []string{"1:16 drain.delay: must be one value, not a list"}},
		{"a line break in a text", "admin: {token_file: \"a\\nb\"}\n" + listen + acme, []string{"1:21 admin.token_file: holds a line break"}},

		// The clients' listener.
		{"no listener", acme, []string{"1:1 listen: needs tls with certificate_file and key_file, or plaintext: true"}},
		{"neither tls nor plaintext", "listen:\n  address: \":1\"\n" + acme, []string{"1:1 listen: needs tls"}},
		{"plaintext: false is not tls", "listen: {plaintext: false}\n" + acme, []string{"1:9 listen: needs tls"}},
		{"tls and plaintext", "listen: {plaintext: true, tls: {certificate_file: a, key_file: b}}\n" + acme, []string{"1:21 listen.plaintext: excludes tls"}},
		{"tls without files", "listen:\n  tls: {}\n" + acme, []string{"2:8 listen.tls.certificate_file: is missing", "2:8 listen.tls.key_file: is missing"}},
		{"an old TLS", "listen: {tls: {certificate_file: a, key_file: b, min_version: 1.1}}\n" + acme, []string{
			`1:63 listen.tls.min_version: "1.1" is none of 1.2, 1.3; did you mean "1.2"?`}},
		{"client certificates without tls", "listen: {plaintext: true, client_certificates: request}\n" + acme, []string{
			"1:48 listen.client_certificates: request needs tls"}},
		{"client certificates of no kind", "listen: {plaintext: true, client_certificates: optional}\n" + acme, []string{
			`1:48 listen.client_certificates: "optional" is none of none, request, require; write one of these`}},
		{"an address without a port", "listen: {plaintext: true, address: localhost}\n" + acme, []string{`1:36 listen.address: "localhost" is no address; write host:port`}},
		{"a port too high", "listen: {plaintext: true, address: \":65536\"}\n" + acme, []string{`1:36 listen.address: ":65536" has no port from 0 to 65535`}},
		{"a port by name", "listen: {plaintext: true, address: \":https\"}\n" + acme, []string{`1:36 listen.address: ":https" has no port`}},
		{"a host that is none", "listen: {plaintext: true, address: \"a b:1\"}\n" + acme, []string{`1:36 listen.address: "a b:1" has no host`}},
		{"an address in bytes", "listen: {plaintext: true, address: 8443}\n" + acme, []string{`1:36 listen.address: must be a text, but 8443 unquoted is a number`}},

		{"a name in upper case", "listen: {plaintext: true, names: [\"GW.acme.example\"]}\n" + acme, []string{`1:35 listen.names[0]: "GW.acme.example" is no host as addresses have it`}},
		{"a name with a scheme", "listen: {plaintext: true, names: [\"https://gw.acme.example\"]}\n" + acme, []string{`1:35 listen.names[0]: "https://gw.acme.example" is no host as addresses have it`}},
		{"a name with a path", "listen: {plaintext: true, names: [\"gw.acme.example/v1\"]}\n" + acme, []string{`1:35 listen.names[0]: "gw.acme.example/v1" is no host as addresses have it`}},
		{"a name for everybody", "listen: {plaintext: true, names: [\"*.acme.example\"]}\n" + acme, []string{`1:35 listen.names[0]: "*.acme.example" is no host as addresses have it`}},
		{"a name with a user", "listen: {plaintext: true, names: [\"a@gw.acme.example\"]}\n" + acme, []string{`1:35 listen.names[0]: "a@gw.acme.example" is no host as addresses have it`}},
		{"a name with an empty port", "listen: {plaintext: true, names: [\"gw.acme.example:\"]}\n" + acme, []string{`1:35 listen.names[0]: "gw.acme.example:" is no host as addresses have it`}},
		{"a name with a port too high", "listen: {plaintext: true, names: [\"gw.acme.example:65536\"]}\n" + acme, []string{`1:35 listen.names[0]: "gw.acme.example:65536" is no host as addresses have it`}},
		{"a name with port zero", "listen: {plaintext: true, names: [\"gw.acme.example:0\"]}\n" + acme, []string{`1:35 listen.names[0]: "gw.acme.example:0" is no host as addresses have it`}},
		{"a name with a port in another spelling", "listen: {plaintext: true, names: [\"gw.acme.example:08443\"]}\n" + acme, []string{`1:35 listen.names[0]: "gw.acme.example:08443" is no host as addresses have it`}},
		{"a name that is only a port", "listen: {plaintext: true, names: [\":8443\"]}\n" + acme, []string{`1:35 listen.names[0]: ":8443" is no host as addresses have it`}},
		{"an IPv6 address without brackets", "listen: {plaintext: true, names: [\"::1\"]}\n" + acme, []string{`1:35 listen.names[0]: "::1" is no host as addresses have it`}},
		{"an IPv6 address with a zone", "listen: {plaintext: true, names: [\"[fe80::1%eth0]:8443\"]}\n" + acme, []string{`1:35 listen.names[0]: "[fe80::1%eth0]:8443" is no host as addresses have it`}},
		{"an IPv6 address in another spelling", "listen: {plaintext: true, names: [\"[0:0::1]\"]}\n" + acme, []string{`1:35 listen.names[0]: "[0:0::1]" is no host as addresses have it`}},
		{"an IPv4 address in brackets", "listen: {plaintext: true, names: [\"[127.0.0.1]\"]}\n" + acme, []string{`1:35 listen.names[0]: "[127.0.0.1]" is no host as addresses have it`}},
		{"a name with a dot behind it", "listen: {plaintext: true, names: [\"gw.acme.example.\"]}\n" + acme, []string{`1:35 listen.names[0]: "gw.acme.example." is no host as addresses have it`}},
		{"a name with the port of https", "listen: {plaintext: true, names: [\"gw.acme.example:443\"]}\n" + acme, []string{`1:35 listen.names[0]: "gw.acme.example:443" has the port that an address does not need; write "gw.acme.example"`}},
		{"a name with the port of http", "listen: {plaintext: true, names: [\"[::1]:80\"]}\n" + acme, []string{`1:35 listen.names[0]: "[::1]:80" has the port that an address does not need; write "[::1]"`}},
		{"a name twice", "listen: {plaintext: true, names: [gw, gw]}\n" + acme, []string{`1:39 listen.names[1]: "gw" is there twice`}},
		{"every form of a name", "listen: {plaintext: true, names: [gw, gw.acme.example, \"gw:8443\", 127.0.0.1, \"127.0.0.1:1\", \"[::1]\", \"[::1]:8443\", \"gw:4430\"]}\n" + acme, nil},

		// The administrators' listener.
		{"admin on the network without a token", "admin: {address: \"10.0.0.1:8081\"}\n" + listen + acme, []string{
			"1:18 admin.address: 10.0.0.1:8081 can be reached from other machines; give token_file, or listen on 127.0.0.1"}},
		{"admin on every address without names", "admin: {address: \":8081\", token_file: t}\n" + listen + acme, []string{"1:8 admin.names: only those for localhost are answered"}},
		{"admin where the clients are", "admin: {address: \"127.0.0.1:8443\"}\n" + listen + acme, []string{
			"1:18 admin.address: 127.0.0.1:8443 is the address of the clients' listener too"}},
		{"an admin name with a port", "admin: {names: [\"gw:8081\"]}\n" + listen + acme, []string{`1:17 admin.names[0]: "gw:8081" is no host name`}},
		{"an admin name for everybody", "admin: {names: [\"*.example\"]}\n" + listen + acme, []string{`1:17 admin.names[0]: "*.example" is no host name`}},
		{"an admin name twice", "admin: {names: [gw, gw]}\n" + listen + acme, []string{`1:21 admin.names[1]: "gw" is there twice`}},

		// Engine, drain, log.
		{"an engine that does not exist", "broker: {kind: nats}\n" + listen + acme, []string{`1:16 broker.kind: "nats" is none of memory; write one of these`}},
		{"a duration without a unit", "drain: {delay: 10}\n" + listen + acme, []string{`1:16 drain.delay: 10 has no unit; write it like "30s"`}},
		{"a duration in days", "drain: {delay: 1d}\n" + listen + acme, []string{`1:16 drain.delay: "1d" is no duration; write it like "30s", "10m" or "24h"`}},
		{"a negative duration", "drain: {delay: -1s}\n" + listen + acme, []string{`1:16 drain.delay: "-1s" is no duration`}},
		{"a delay too long", "drain: {delay: 61m, grace: 2h}\n" + listen + acme, []string{"1:16 drain.delay: 1h1m is more than 1h, the most that is allowed"}},
		{"a grace without room", "drain: {delay: 25s}\n" + listen + acme, []string{
			"1:8 drain.grace: 30s does not hold the delay of 25s and 10s for the close handshakes; make grace at least 35s"}},
		{"a level that is none", "log: {level: trace}\n" + listen + acme, []string{`1:14 log.level: "trace" is none of debug, info, warn, error`}},
		{"a format near one", "log: {format: jsno}\n" + listen + acme, []string{`1:15 log.format: "jsno" is none of auto, json, text; did you mean "json"?`}},

		// The tenants.
		{"problems without end", listen + "tenants: [" + strings.Repeat("1,", 5000) + "]\n", func() []string {
			want := make([]string, 1001)
			for i := range want {
				want[i] = fmt.Sprintf("2:%d tenants[%d]: must be a mapping of id,", 11+2*i, i)
			}
			want[1000] = "2:2009: the file has more than 1000 problems; mend these"
			return want
		}()},
		{"no tenants", tls, []string{"1:1: there is no tenant; give tenants_dir"}},
		{"an empty list of tenants", "tenants: []\n" + listen, []string{"1:10 tenants: is an empty list"}},
		{"tenants as a mapping", "tenants: {acme: {}}\n" + listen, []string{"1:10 tenants: must be a list, not a mapping"}},
		{"tenants twice over", "tenants_dir: x\n" + listen + acme, []string{"1:14 tenants_dir: excludes tenants; keep one of the two"}},
		{"one id twice", listen + acme + strings.Replace(strings.TrimPrefix(acme, "tenants:\n"), "audience: a", "audience: b", 1), []string{
			`6:7 tenants[1].id: "acme" is another tenant's id too`}},
		{"one issuer and audience for two tenants", listen + acme + strings.Replace(strings.TrimPrefix(acme, "tenants:\n"), "id: acme", "id: globex", 1), []string{
			`7:13 tenants[1].issuers[0]: issuer "i" with audience "a" already chooses issuers[0] of tenant acme`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := config.Parse("portcullis.yaml", []byte(tt.file))
			wantProblems(t, problems, tt.want...)
		})
	}
}
