package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"portcullis/internal/config"
)

// Every way to get a tenant's file wrong. Where a row begins with a key that the sound tenant has, it replaces that key.
func TestProblemsOfATenant(t *testing.T) {
	const (
		issuers = "issuers: [{issuer: i, audience: a, jwks_file: k}]\n"
		rules   = "rules: [{name: r, deny: [manage]}]\n"
		rest    = "id: acme\n" + rules
	)
	tests := []struct {
		name, file string
		want       []string
	}{
		{"no id", issuers + rules, []string{"1:1 id: is missing; it has no default"}},
		{"an id that is a number", "id: 42\n" + issuers + rules, []string{`1:5 id: must be a text, but 42 unquoted is a number; write "42"`}},
		{"an id that is a boolean", "id: true\n" + issuers + rules, []string{"1:5 id: must be a text, but true unquoted is true or false"}},
		{"another tenant's file", "id: globex\n" + issuers + rules, []string{`1:5 id: "globex" is not the name of its file; call the file globex.yaml, or the tenant "acme"`}},
		{"no setting in the list", rest + issuers + "channels: []\n", []string{"4:11 channels: is an empty list"}},
		{"a setting of no channel", rest + issuers + "channels: [{history: {messages: 1}}]\n", []string{"4:12 channels[0].match: is missing"}},
		{"a setting that sets nothing", rest + issuers + "channels: [{match: a}]\n", []string{"4:12 channels[0]: sets nothing; give it history, presence, slow_reader or encryption, or remove it"}},
		{"members that nobody can ask for", rest + issuers + "channels: [{match: a, presence: false, presence_members: 5}]\n", []string{
			"4:58 channels[0].presence_members: counts only with presence: true; set that too, or remove it"}},
		{"history without messages", rest + issuers + "channels: [{match: a, history: {ttl: 1h}}]\n", []string{"4:32 channels[0].history.messages: is missing"}},
		{"history of no messages", rest + issuers + "channels: [{match: a, history: {messages: 0}}]\n", []string{"4:43 channels[0].history.messages: \"0\" is no number of things"}},
		{"history of too many messages", rest + issuers + "channels: [{match: a, history: {messages: 10001}}]\n", []string{"4:43 channels[0].history.messages: 10001 is more than 10000"}},
		{"history of half a message", rest + issuers + "channels: [{match: a, history: {messages: 0.5}}]\n", []string{`4:43 channels[0].history.messages: "0.5" is no number of things`}},
		{"history without end", rest + issuers + "channels: [{match: a, history: {messages: unlimited}}]\n", []string{`4:43 channels[0].history.messages: "unlimited" is no number of things`}},
		{"history of no time", rest + issuers + "channels: [{match: a, history: {messages: 1, ttl: 0s}}]\n", []string{"4:51 channels[0].history.ttl: 0s is less than 1s"}},
		{"history of too long a time", rest + issuers + "channels: [{match: a, history: {messages: 1, ttl: 721h}}]\n", []string{"4:51 channels[0].history.ttl: 721h is more than 720h"}},
		{"an encryption that nobody knows", rest + issuers + "channels: [{match: a, encryption: jwe}]\n", []string{`4:35 channels[0].encryption: "jwe" is none of optional, required; write one of these`}},
		{"an encryption that is a boolean", rest + issuers + "channels: [{match: a, encryption: true}]\n", []string{`4:35 channels[0].encryption: must be a text`}},
		{"a setting that nobody knows", rest + issuers + "channels: [{match: a, history: {messages: 1}, encrypted: required}]\n", []string{`4:47 channels[0].encrypted: unknown key "encrypted"`}},
		{"no choice in the list", rest + issuers + "subscribe: []\n", []string{"4:12 subscribe: is an empty list"}},
		{"a choice of no channels", rest + issuers + "subscribe: [{for: {roles: [a]}}]\n", []string{"4:13 subscribe[0].channels: is missing"}},
		{"a choice for whoever says nothing", rest + issuers + "subscribe: [{channels: [a], for: {}}]\n", []string{"4:34 subscribe[0].for: matches everybody, because it says nothing"}},
		{"a choice with a right of its own", rest + issuers + "subscribe: [{channels: [a], allow: [subscribe]}]\n", []string{`4:29 subscribe[0].allow: unknown key "allow"`}},
		{"too many choices", rest + issuers + "subscribe: [{channels: [" + strings.Repeat("a, ", 100) + "a]}]\n", []string{"4:12 subscribe: 101 channels are more than 100"}},
		{"nobody can come in", rest, []string{"1:1: nobody can come in; give issuers, certificates or both"}},
		{"nothing is allowed", "id: acme\n" + issuers, []string{"1:1 rules: there are none, so that nobody may do anything"}},

		{"no rule in the list", "rules: []\nid: acme\n" + issuers, []string{"1:8 rules: there are none"}},
		{"rules that are a text", "rules: none\nid: acme\n" + issuers, []string{"1:8 rules: must be a list, not a text"}},

		// Origins.
		{"the null origin", `origins: ["null"]` + "\n" + rest + issuers, []string{`1:11 origins[0]: "null" is the origin of every sandboxed page`}},
		{"every origin", `origins: ["*"]` + "\n" + rest + issuers, []string{`1:11 origins[0]: "*" would let every web page`}},
		{"a wildcard origin", `origins: ["https://*.acme.example"]` + "\n" + rest + issuers, []string{"1:11 origins[0]: has a wildcard"}},
		{"an origin in upper case", "origins: [https://App.acme.example]\n" + rest + issuers, []string{`1:11 origins[0]: write "https://app.acme.example"`}},
		{"an origin with the default port", "origins:\n- https://a.example:443\n" + rest + issuers, []string{`2:3 origins[0]: write "https://a.example"`}},
		{"an origin with a path", "origins: [https://a.example/]\n" + rest + issuers, []string{`1:11 origins[0]: write "https://a.example"`}},
		{"an origin with a user", "origins: [https://u@a.example]\n" + rest + issuers, []string{`1:11 origins[0]: write "https://a.example"`}},
		{"an origin without a scheme", "origins: [a.example]\n" + rest + issuers, []string{`1:11 origins[0]: "a.example" is no origin; write scheme://host`}},
		{"an origin of a socket", "origins: [wss://a.example]\n" + rest + issuers, []string{"1:11 origins[0]: is the address of a socket"}},
		{"an origin with a port of zeros", "origins: [https://a.example:08443]\n" + rest + issuers, []string{`1:11 origins[0]: write "https://a.example:8443"`}},
		{"an origin with no such port", "origins: [https://a.example:70000]\n" + rest + issuers, []string{"1:11 origins[0]: has no port from 1 to 65535"}},
		{"an origin that is not ASCII", "origins: [https://ä.example]\n" + rest + issuers, []string{"1:11 origins[0]: write it in ASCII (xn-- for others)"}},
		{"an origin twice", "origins: [https://a.example, https://a.example]\n" + rest + issuers, []string{"1:30 origins[1]: is there twice"}},

		// Issuers.
		{"no issuers in the list", "issuers: []\n" + rest, []string{"1:10 issuers: is an empty list"}},
		{"an issuer without its name", "issuers: [{audience: a, jwks_file: k}]\n" + rest, []string{"1:11 issuers[0].issuer: is missing"}},
		{"no audience", "issuers:\n- issuer: i\n  jwks_file: k\n" + rest, []string{"2:3 issuers[0].audience: is missing"}},
		{"an empty audience", "issuers: [{issuer: i, audience: '', jwks_file: k}]\n" + rest, []string{"1:33 issuers[0].audience: is an empty text"}},
		{"no keys", "issuers: [{issuer: i, audience: a}]\n" + rest, []string{"1:11 issuers[0]: is no https address at which they could be discovered; give jwks_uri, an https address, or jwks_file"}},
		{"keys twice over", "issuers: [{issuer: i, audience: a, jwks_file: k, jwks_uri: \"https://i/k\"}]\n" + rest, []string{
			"1:60 issuers[0].jwks_uri: excludes jwks_file"}},
		{"keys over plain http", "issuers: [{issuer: i, audience: a, jwks_uri: \"http://i.example/k\"}]\n" + rest, []string{
			`1:46 issuers[0].jwks_uri: "http://i.example/k" must be https`}},
		{"keys over another scheme", "issuers: [{issuer: i, audience: a, jwks_uri: \"file://localhost/k\"}]\n" + rest, []string{"1:46 issuers[0].jwks_uri: must be https"}},
		{"keys without a host", "issuers: [{issuer: i, audience: a, jwks_uri: \"https:///k\"}]\n" + rest, []string{"1:46 issuers[0].jwks_uri: is no address of a key set"}},
		{"keys with a password", "issuers: [{issuer: i, audience: a, jwks_uri: \"https://u:p@i/k\"}]\n" + rest, []string{"1:46 issuers[0].jwks_uri: is no address of a key set"}},
		{"discovery", "issuers: [{issuer: i, audience: a, discovery: true}]\n" + rest, []string{"1:11 issuers[0]: has no keys",
			`1:36 issuers[0].discovery: unknown key "discovery"; remove it, known here are issuer, audience`}},
		{"no algorithm", "issuers: [{issuer: i, audience: a, jwks_file: k, algorithms: []}]\n" + rest, []string{"1:62 issuers[0].algorithms: is an empty list"}},
		{"alg none", "issuers: [{issuer: i, audience: a, jwks_file: k, algorithms: [none]}]\n" + rest, []string{`1:63 issuers[0].algorithms[0]: "none" is none of ES256`}},
		{"a shared secret", "issuers: [{issuer: i, audience: a, jwks_file: k, algorithms: [EdDSA, HS256]}]\n" + rest, []string{
			`1:70 issuers[0].algorithms[1]: "HS256" is none of ES256`}},
		{"a type that is none", "issuers: [{issuer: i, audience: a, jwks_file: k, types: [jws]}]\n" + rest, []string{`1:58 issuers[0].types[0]: "jws" is none of JWT, at+jwt, absent`}},
		{"a lifetime of nothing", "issuers: [{issuer: i, audience: a, jwks_file: k, max_lifetime: 0s}]\n" + rest, []string{
			"1:64 issuers[0].max_lifetime: 0s is less than 1s, the least that is allowed"}},
		{"a leeway of nothing", "issuers: [{issuer: i, audience: a, jwks_file: k, leeway: 0s}]\n" + rest, []string{"1:58 issuers[0].leeway: 0s is less than 1s"}},
		{"a leeway without end", "issuers: [{issuer: i, audience: a, jwks_file: k, leeway: 10m}]\n" + rest, []string{"1:58 issuers[0].leeway: 10m is more than 5m"}},
		{"a presence pointer that is none", "issuers: [{issuer: i, audience: a, jwks_file: k, presence_claim: /~}]\n" + rest, []string{
			`1:66 issuers[0].presence_claim: "/~" is no JSON Pointer`}},
		{"a roles pointer that is none", "issuers: [{issuer: i, audience: a, jwks_file: k, roles_claim: /a~2}]\n" + rest, []string{
			`1:63 issuers[0].roles_claim: "/a~2" is no JSON Pointer`}},
		{"a prefix on the first issuer", "issuers: [{issuer: i, audience: a, jwks_file: k, prefix: p|}]\n" + rest, []string{
			"1:58 issuers[0].prefix: the first issuer's subjects stand as they are"}},
		{"no prefix on the second", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: j, audience: a, jwks_file: k}\n" + rest, []string{
			"3:3 issuers[1].prefix: is missing; from the second issuer on"}},
		{"a prefix without an end", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: j, audience: a, jwks_file: k, prefix: p}\n" + rest, []string{
			`3:50 issuers[1].prefix: "p" is no prefix`}},
		{"a prefix inside a prefix", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: j, audience: a, jwks_file: k, prefix: p|q|}\n" + rest, []string{
			`3:50 issuers[1].prefix: "p|q|" is no prefix`}},
		{"the prefix of certificates", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: j, audience: a, jwks_file: k, prefix: cert|}\n" + rest, []string{
			"3:50 issuers[1].prefix: stands before the users of certificates"}},
		{"one prefix for two issuers", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: j, audience: a, jwks_file: k, prefix: p|}\n" +
			"- {issuer: l, audience: a, jwks_file: k, prefix: p|}\n" + rest, []string{`4:50 issuers[2].prefix: "p|" is the prefix of issuers[1] too`}},
		{"one issuer with two audiences", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: i, audience: b, jwks_file: k}\n" + rest, nil},
		{"one issuer with an audience in two claims", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n" +
			"- {issuer: i, audience: a, audience_claim: client_id, jwks_file: k}\n" + rest, nil},
		{"one issuer with two prefixes", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: i, audience: b, jwks_file: k, prefix: p|}\n" + rest, []string{
			`3:50 issuers[1].prefix: is "p|", and "" in issuers[0] of the same issuer`}},
		{"one issuer with two sets of keys", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: i, audience: b, jwks_file: l}\n" + rest, []string{
			"3:3 issuers[1]: an issuer has one set of keys, so name one place"}},
		{"one issuer and audience twice", "issuers:\n- {issuer: i, audience: a, jwks_file: k}\n- {issuer: i, audience: a, jwks_file: k}\n" + rest, []string{
			`3:3 issuers[1]: issuer "i" with audience "a" already chooses issuers[0] of tenant acme`}},
		{"an issuer that is a text", "issuers: [https://i]\n" + rest, []string{"1:11 issuers[0]: must be a mapping of issuer, audience"}},

		// Certificates.
		{"certificates without authorities", "certificates: {}\n" + issuers + rest, []string{"1:15 certificates.authorities_file: is missing"}},
		{"an identity that is none", "certificates: {authorities_file: f, identity: cn}\n" + issuers + rest, []string{`1:47 certificates.identity: "cn" is none of uri, spiffe, dns, email, fingerprint`}},
		{"a trust domain that is missing", "certificates: {authorities_file: f, identity: spiffe}\n" + issuers + rest, []string{"1:15 certificates.trust_domain: is missing; with identity spiffe"}},
		{"a trust domain of another identity", "certificates: {authorities_file: f, trust_domain: prod.acme.example}\n" + issuers + rest, []string{"1:51 certificates.trust_domain: is for identity spiffe, and identity is uri; remove it"}},
		{"a trust domain that is an id", "certificates: {authorities_file: f, identity: spiffe, trust_domain: \"spiffe://acme\"}\n" + issuers + rest, []string{`1:69 certificates.trust_domain: "spiffe://acme" is no trust domain; write 1 to 255 of a-z`}},
		{"a trust domain in capitals", "certificates: {authorities_file: f, identity: spiffe, trust_domain: Acme}\n" + issuers + rest, []string{`1:69 certificates.trust_domain: "Acme" is no trust domain`}},
		{"no revocation lists in the list", "certificates: {authorities_file: f, revocation_lists: []}\n" + issuers + rest, []string{"1:55 certificates.revocation_lists: is an empty list"}},
		{"a revocation list twice", "certificates: {authorities_file: f, revocation_lists: [a.crl, b.crl, ./a.crl]}\n" + issuers + rest, []string{"1:70 certificates.revocation_lists[2]: is there twice; remove one of the two"}},
		{"certificates that nobody is asked for", "certificates: {authorities_file: f}\n" + issuers + rest, []string{"1:15 certificates: no client will be asked for one"}},
		{"a tenant of certificates alone that nobody is asked for", "certificates: {authorities_file: f}\n" + rest, []string{"1:15 certificates: nobody can come in"}},

		// Limits.
		{"a limit of nothing", "limits: {connections: 0}\n" + issuers + rest, []string{`1:23 limits.connections: "0" is no limit; write a whole number from 1 to 1000000000, or unlimited`}},
		{"a negative limit", "limits: {connections_per_user: -1}\n" + issuers + rest, []string{`1:32 limits.connections_per_user: "-1" is no limit`}},
		{"a limit with underscores", "limits: {connections: 1_000}\n" + issuers + rest, []string{`1:23 limits.connections: "1_000" is no limit`}},
		{"a limit in octal", "limits: {connections: 0100}\n" + issuers + rest, []string{`1:23 limits.connections: "0100" is no limit`}},
		{"a limit with a unit", "limits: {messages_per_second: 64KiB}\n" + issuers + rest, []string{`1:31 limits.messages_per_second: "64KiB" is no limit`}},
		{"a limit too high", "limits: {connections: 1000000001}\n" + issuers + rest, []string{`1:23 limits.connections: "1000000001" is no limit`}},
		{"a limit with a name near one", "limits: {conections: 1}\n" + issuers + rest, []string{`1:10 limits.conections: did you mean "connections"?`}},
		{"a size in thousands", "limits: {message_size: 64KB}\n" + issuers + rest, []string{`1:24 limits.message_size: "64KB" is no size; write whole bytes or a binary unit`}},
		{"an unlimited message", "limits: {message_size: unlimited}\n" + issuers + rest, []string{`1:24 limits.message_size: "unlimited" is no size`}},
		{"a message too large", "limits: {message_size: 1MiB}\n" + issuers + rest, []string{"1:24 limits.message_size: 1MiB is more than 512KiB"}},
		{"a message too small", "limits: {message_size: 100}\n" + issuers + rest, []string{"1:24 limits.message_size: 100 is less than 512"}},
		{"a message larger than its burst", "limits: {bytes_per_second_per_connection: 16KiB}\n" + issuers + rest, []string{
			"1:9 limits.message_size: 64KiB does not fit into the burst of bytes_per_second_per_connection, which is 32KiB"}},
		{"no bytes at all", "limits: {bytes_per_second_per_connection: 0}\n" + issuers + rest, []string{`1:43 limits.bytes_per_second_per_connection: "0" is no limit`}},

		// Rules.
		{"a rule without a name", "rules: [{deny: [manage]}]\nid: acme\n" + issuers, []string{"1:9 rules[0].name: is missing"}},
		{"a rule that does nothing", "rules: [{name: r, channels: [a]}]\nid: acme\n" + issuers, []string{"1:9 rules[0]: does nothing; give it allow or deny"}},
		{"an action that is none", "rules: [{name: r, allow: [publsh], channels: [a]}]\nid: acme\n" + issuers, []string{`1:27 rules[0].allow[0]: did you mean "publish"?`}},
		{"an action that is a channel", "rules: [{name: r, allow: ['*'], channels: [a]}]\nid: acme\n" + issuers, []string{
			`1:27 rules[0].allow[0]: "*" is none of echo, publish, subscribe, history, presence, manage; write one of these`}},
		{"allow and deny", "rules: [{name: r, allow: [echo], deny: [publish], channels: [a]}]\nid: acme\n" + issuers, []string{
			`1:40 rules[0].deny: excludes allow; write two rules`}},
		{"no channels", "rules: [{name: r, allow: [echo]}]\nid: acme\n" + issuers, []string{"1:9 rules[0].channels: is missing"}},
		{"manage among others", "rules: [{name: r, allow: [echo, manage], channels: [a]}]\nid: acme\n" + issuers, []string{"1:9 rules[0]: mixes manage"}},
		{"channels for manage", "rules: [{name: r, deny: [manage], channels: [a]}]\nid: acme\n" + issuers, []string{"1:45 rules[0].channels: manage is about the tenant"}},
		{"a name twice", "rules:\n- {name: r, deny: [manage]}\n- {name: r, deny: [manage]}\nid: acme\n" + issuers, []string{`3:10 rules[1].name: "r" is the name of rules[0] too`}},
		{"for nobody in particular", "rules: [{name: r, allow: [manage], for: {}}]\nid: acme\n" + issuers, []string{"1:41 rules[0].for: matches everybody, because it says nothing"}},
		{"unless everybody", "rules: [{name: r, allow: [manage], unless: {}}]\nid: acme\n" + issuers, []string{"1:44 rules[0].unless: matches everybody"}},
		{"for no role", "rules: [{name: r, allow: [manage], for: {roles: []}}]\nid: acme\n" + issuers, []string{"1:49 rules[0].for.roles: is an empty list"}},
		{"for one role as a text", "rules: [{name: r, allow: [manage], for: {roles: admin}}]\nid: acme\n" + issuers, []string{"1:49 rules[0].for.roles: must be a list, not a text"}},
		{"for a claim that is a list", "rules: [{name: r, allow: [manage], for: {claims: {\"https://x/y\": [1]}}}]\nid: acme\n" + issuers, []string{
			`1:66 rules[0].for.claims.https://x/y: must be a text, a number, true or false, not a list`}},
		{"for a claim of nothing", "rules: [{name: r, allow: [manage], for: {claims: {a.b: null}}}]\nid: acme\n" + issuers, []string{
			`1:51 rules[0].for.claims["a.b"]: must be a text, a number, true or false, not nothing`}},
		{"for no claims", "rules: [{name: r, allow: [manage], for: {claims: {}}}]\nid: acme\n" + issuers, []string{"1:50 rules[0].for.claims: is empty"}},
		{"a rule that is a text", "rules: [everybody]\nid: acme\n" + issuers, []string{"1:9 rules[0]: must be a mapping of name, allow"}},

		// Tests.
		{"a test of nobody", rest + issuers + "tests: [{allow: [manage]}]\n", []string{"4:9 tests[0].as: is missing"}},
		{"a test of somebody without a name", rest + issuers + "tests: [{as: {roles: [a]}, allow: [manage]}]\n", []string{"4:14 tests[0].as.user: is missing"}},
		{"a candidate without rules", rest + issuers + "candidate: {tests: [{as: {user: u}, deny: [manage]}]}\n", []string{"4:12 candidate.rules: is missing"}},
		{"a candidate's rule that does nothing", rest + issuers + "candidate: {rules: [{name: s, channels: [a]}]}\n", []string{"4:21 candidate.rules[0]: does nothing; give it allow or deny"}},
		{"a candidate's name twice", rest + issuers + "candidate:\n  rules:\n  - {name: r, deny: [manage]}\n  - {name: r, deny: [manage]}\n", []string{
			`7:12 candidate.rules[1].name: "r" is the name of rules[0] too`}},
		{"a candidate's test that asks nothing", rest + issuers + "candidate: {rules: [], tests: [{as: {user: u}}]}\n", []string{"4:32 candidate.tests[0]: asks nothing; give it allow or deny"}},
		{"a candidate of a candidate", rest + issuers + "candidate: {rules: [], candidate: {rules: []}}\n", []string{`4:24 candidate.candidate: unknown key "candidate"`}},
		{"a test that asks nothing", rest + issuers + "tests:\n- as: {user: u}\n", []string{"5:3 tests[0]: asks nothing; give it allow or deny"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"portcullis.yaml": listen + "tenants_dir: tenants\n", "tenants/acme.yaml": tt.file})
			_, problems := config.Load(filepath.Join(dir, "portcullis.yaml"))
			wantProblems(t, problems, tt.want...)
			for _, p := range problems {
				if !strings.HasSuffix(p.File, "acme.yaml") {
					t.Errorf("the problem is in %s, want it in acme.yaml", p.File)
				}
			}
		})
	}
}

func TestATenantThatCannotShowWhatTheListenerRequires(t *testing.T) {
	_, problems := config.Parse("portcullis.yaml", []byte("listen: {tls: {certificate_file: a, key_file: b}, client_certificates: require}\n"+acme))
	wantProblems(t, problems, "3:3 tenants[0]: nobody can come in: listen.client_certificates is require")
}
