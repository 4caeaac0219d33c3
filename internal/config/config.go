// Package config is the operator's manual. One tree of structs holds every key that a configuration file may have, and the comment of a
// field is the manual of its key: what it means, its default and unit, what it excludes.
//
// [Load] reads the files strictly and never stops at the first problem. It opens no file that a key names (certificates, keys,
// authorities), and it knows no grammar of the packages above: they check what they own, and say where with [Source.Problem].
//
// Tags say what the decoder and the schema both need: default, enum (the words that may stand here), required, min and max (of a
// number, a duration or a size, or the least length of a list). The tag live is on the keys that a running gateway follows; another value of any other key
// is refused by it, see [Config.Fixed].
package config

// Config is the main file.
type Config struct {
	Source `yaml:"-"`

	// What clients connect to.
	Listen Listen `yaml:"listen"`

	// What strangers may use before they have shown who they are.
	Admission Admission `yaml:"admission"`

	// What is believed of proxies and balancers in front of the gateway. Nothing, unless it is said here.
	Proxy Proxy `yaml:"proxy"`

	// The side door: health, metrics, administration. It is never reachable through the listener of the clients.
	Admin Admin `yaml:"admin"`

	// What the side door's metrics tell.
	Metrics Metrics `yaml:"metrics"`

	// What all tenants together may use of this node.
	Limits NodeLimits `yaml:"limits"`

	// What carries messages between publishers and subscribers.
	Broker Broker `yaml:"broker"`

	// How the files of this configuration are taken anew while the gateway runs.
	Reload Reload `yaml:"reload"`

	// What happens between SIGTERM and the end of the process.
	Drain Drain `yaml:"drain"`

	// What is written to standard error, and how.
	Log Log `yaml:"log"`

	// The security log: who came in and who did not, what was revoked, what was tried. One JSON object a line, and no secret in any.
	Audit Audit `yaml:"audit"`

	// The tenants, written here. Excludes tenants_dir; one of the two must give at least one tenant.
	Tenants []Tenant `yaml:"tenants" min:"1" live:"true"`

	// The folder of the tenants, one file for each, called as the tenant's id with .yaml or .yml behind it. Every other file
	// in it is passed over, also those whose name begins with a dot. Excludes tenants.
	TenantsDir File `yaml:"tenants_dir" live:"true"`
}

// Listen is the listener of the clients.
type Listen struct {
	// Host and port. Without a host it is every address of the machine. Default ":8443".
	Address string `yaml:"address" default:":8443"`

	// The certificate of the gateway. Excludes plaintext; one of the two must be chosen.
	TLS *TLS `yaml:"tls"`

	// No TLS: for a gateway behind a balancer that ends it. Everybody between the two can read tokens and messages. Default false.
	// Excludes tls, and client certificates with it.
	Plaintext bool `yaml:"plaintext"`

	// Whether TLS asks a client for a certificate: none (never), request (a client without one may come with a token), require (no
	// handshake without one). What is shown is verified against the tenant's own authorities before the upgrade. Default none.
	// Anything else needs tls.
	ClientCertificates string `yaml:"client_certificates" default:"none" enum:"none,request,require"`

	// The names under which clients reach the gateway, as their addresses have them: lower-case, with a port where it is not the scheme's own, like
	// gw.acme.example or localhost:8443. Needed for DPoP (RFC 9449), whose proofs are made for an address of https, or of http to localhost where plaintext is
	// true. No default: without names no proof counts.
	Names []string `yaml:"names"`

	// How long a connection may live, give or take a tenth, whatever its credential says; then it is closed as 4001 and comes back, perhaps to
	// another node. Default 24h, at least 1m, or the word unlimited.
	ConnectionAge Lifetime `yaml:"connection_age" default:"24h"`
}

// Proxy says which proxies stand in front of the clients' listener, and what of theirs is believed.
type Proxy struct {
	// The addresses of proxies, like 10.0.0.0/8 or 192.0.2.7. From them X-Forwarded-For is believed, from right to left over these addresses, and from nobody else. No default.
	Trusted []Prefix `yaml:"trusted"`

	// How a connection of a proxy begins: none, or v2, a header of the PROXY protocol, version 2, which must then be there; connections from other addresses are closed.
	// Default none. Anything else needs trusted.
	Protocol string `yaml:"protocol" default:"none" enum:"none,v2"`

	// The header in which proxies that end TLS forward a client's certificate: none, rfc9440 (Client-Cert and Client-Cert-Chain), or xfcc (X-Forwarded-Client-Cert with Cert or Chain, as
	// Envoy writes it). The proxy must replace what clients send, and show a certificate of its own. From anybody else such headers are refused. Default none. Anything
	// else needs trusted, authorities_file, and a listener with tls and client_certificates.
	ClientCertificateHeader string `yaml:"client_certificate_header" default:"none" enum:"none,rfc9440,xfcc"`

	// PEM, the authorities of the proxies' own certificates. For client_certificate_header, and for nothing else. They must not be a tenant's.
	AuthoritiesFile File `yaml:"authorities_file"`
}

// TLS is the certificate of a listener. When one of its files changes the new pair is taken at the next handshake.
type TLS struct {
	// PEM, the certificate first, then its intermediates.
	CertificateFile File `yaml:"certificate_file" required:"true"`

	// PEM, the private key of the certificate, without a passphrase.
	KeyFile File `yaml:"key_file" required:"true"`

	// The oldest version that is spoken, "1.3" or "1.2". Default "1.3". With 1.2 only the AEAD suites are offered, and each start warns.
	MinVersion Version `yaml:"min_version" default:"1.3" enum:"1.2,1.3"`
}

// Admission bounds the clients' listener while nobody knows who a client is. It counts on this node alone, an IPv6 address by its /64. Each may be unlimited.
type Admission struct {
	// Connections that are open and have no session: they shake hands, send a request slowly, or are being verified. Each costs 8 to 56 KiB, more the further it is, and the body or the answer
	// of a request of the HTTP API up to 2 MiB besides, all those of a tenant 32 MiB. One too many
	// takes the place of one that has been silent for a second, or whose address has many more; where there is none it is closed at once, before TLS. Keep it well
	// below the number of open files that the process may have. Default 5000.
	Connections Limit `yaml:"connections" default:"5000"`

	// Those of one address, trusted proxies apart; one too many is closed at once. Many clients may share an address. Default 100.
	ConnectionsPerAddress Limit `yaml:"connections_per_address" default:"100"`

	// New connections of one address, trusted proxies apart, with a burst of twice itself; one too many is closed at once. Requests count in the same way by the address
	// of the client, which a proxy may have told; one too many is 429. Default 50.
	ConnectionsPerSecondPerAddress Limit `yaml:"connections_per_second_per_address" default:"50"`

	// Credentials from one address that were not believed; all of them may come at once, a good one gives none back. Without any left, requests of the
	// address are 429 before their credential is looked at. Default 60.
	FailuresPerMinutePerAddress Limit `yaml:"failures_per_minute_per_address" default:"60"`
}

// Admin is the administrators' listener.
type Admin struct {
	// Host and port. Default "127.0.0.1:8081". An address that is not loopback needs token_file.
	Address string `yaml:"address" default:"127.0.0.1:8081"`

	// A file that holds the bearer token of administrators, 16 to 4096 characters in one line. No default. Where it is given it is
	// asked for on every path but the health checks, on loopback too.
	TokenFile File `yaml:"token_file"`

	// Host names, without a port, under which requests may ask for this listener besides its own address and localhost; a request for
	// another name is 421. Needed for a scraper that connects by name to an address like ":8081".
	Names []string `yaml:"names"`
}

// Metrics is what a scraper is told.
type Metrics struct {
	// How many tenants have series of their own at /metrics/tenants, up to 43 each; what the others do stands there together, as _other. As long as there are no more than so many all
	// have; else whoever is busy first, and keeps them while it is configured. Never at /metrics, which names no tenant. Default 200, at least 1, at most 2000: what
	// deploy/prometheus.yml takes.
	Tenants Count `yaml:"tenants" default:"200" max:"2000"`
}

// NodeLimits bound what all tenants together use of this node. Each may be unlimited. A tenant has limits of its own besides.
type NodeLimits struct {
	// Memory for what clients of all tenants have not read yet; what many wait for counts once. When it is full the tenant that holds most pays, until a sixteenth is free: by the client for which most waits, which loses
	// messages where its channels drop them and else is closed as 4101. A tenant that holds no more than an equal share never pays. Default 256MiB, at least 1MiB. Take about a quarter of the memory that the
	// process may use, and tell Go's garbage collector of that with GOMEMLIMIT.
	OutboxPerNode Memory `yaml:"outbox_per_node" default:"256MiB"`
}

// Broker is the engine.
type Broker struct {
	// memory: one node, and messages do not survive the process. Default memory.
	Kind string `yaml:"kind" default:"memory" enum:"memory"`

	// A folder of this gateway alone, in which revocations and suspensions outlive a restart. It is made where the folder around it exists. It grows
	// with what is revoked, about 300 bytes each; whatever is over goes. No default: without it each start warns, and a restart lets back in whoever was revoked.
	StateDir File `yaml:"state_dir"`
}

// Reload is the way from a changed file to what the gateway does. All files are checked and the tests of the rules run before anything changes; with an error nothing does. Only
// tenants and tenants_dir are followed; a change of any other key is refused until the gateway is restarted. SIGHUP and portcullis reload ask for it too.
type Reload struct {
	// Whether the folders of this file, of the tenants and of their authorities are watched, and what is written there counts by itself, within a second or so. Default true. With false
	// it counts when it is asked for.
	Watch bool `yaml:"watch" default:"true"`
}

// Drain is the way from SIGTERM to the end. With no connections, or on SIGINT, the delay is skipped.
type Drain struct {
	// How long new handshakes are still served while readiness already says no, so that balancers can take the node out first; then they
	// get 503 and the clients are told to leave. Default 10s, at most 1h.
	Delay Duration `yaml:"delay" default:"10s" max:"1h"`

	// The whole time from SIGTERM to the end of the process; what is not closed by then is cut. Default 30s, at most 2h. It must hold the
	// delay and 10s for the close handshakes, and be shorter than the patience of whatever started the process.
	Grace Duration `yaml:"grace" default:"30s" max:"2h"`
}

// Audit is the security log.
type Audit struct {
	// The file that it is appended to, made with mode 0600. No default: without it the security log goes to standard output.
	File File `yaml:"file"`
}

// Log is what the gateway says about itself. No token, query string or payload is ever in it.
type Log struct {
	// The least severe line that is written: debug, info, warn or error. Default info.
	Level string `yaml:"level" default:"info" enum:"debug,info,warn,error"`

	// json, one object a line; text, for people; auto, text on a terminal and json elsewhere. Default auto.
	Format string `yaml:"format" default:"auto" enum:"auto,json,text"`
}
