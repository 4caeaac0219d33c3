package config

// Tenant is one customer: who may come, how much, and what they may do. It is a file of its own, or an item of tenants.
type Tenant struct {
	Source `yaml:"-"`

	// Its name in the configuration, logs and metrics: 1 to 63 of a-z, 0-9 and -, first a letter or digit, the same as its file's name.
	ID string `yaml:"id" required:"true"`

	// The web pages that may connect, as browsers spell an origin: scheme://host, lower-case, a port only where it is not the scheme's
	// own, no path. Compared exactly. Without any no page may connect; clients that are no browsers send no Origin and are not asked.
	Origins []string `yaml:"origins"`

	// Whose tokens are believed. A tenant needs issuers, certificates or both. The subjects of the first issuer are its users as they stand.
	Issuers []Issuer `yaml:"issuers" min:"1"`

	// Whose client certificates are believed. The listener must ask for them: see listen.client_certificates.
	Certificates *Certificates `yaml:"certificates"`

	// How much it may use. A name ends with what it counts per; without an ending that is the tenant.
	Limits Limits `yaml:"limits"`

	// What channels do beside passing on what is said. The list is read from the top, and the first entry that matches a channel's name is its setting; nothing is
	// merged. Without it no channel keeps anything.
	Channels []Channel `yaml:"channels" min:"1"`

	// The channels that users are subscribed to when they connect, without asking: in their welcome, or by a frame subscribed when a change of this list, of the rules or of their credential comes later. It
	// gives no right: a rule must allow them to subscribe. Each counts as a subscription of the connection. At most 100 channels in all. Without it nobody is.
	Subscribe []Choice `yaml:"subscribe" min:"1"`

	// Who may do what. Nothing is allowed that no rule allows; deny wins over allow, whatever the order.
	Rules []Rule `yaml:"rules"`

	// What the rules must answer. A configuration whose tests fail is refused.
	Tests []Test `yaml:"tests"`

	// The backends that are told what happens, at most 8. Each has a queue of its own, which a reload keeps while its url stays.
	Webhooks []Webhook `yaml:"webhooks"`

	// Rules on trial. Every question is answered by rules alone, and put to these too: where they would answer otherwise, that is counted and logged (event policy.candidate),
	// and nothing changes for anybody. No default: without it there is no trial.
	Candidate *Candidate `yaml:"candidate"`
}

// Candidate is what a tenant's rules may become.
type Candidate struct {
	// All the rules, those that stay too, written like the tenant's rules: they are what would stand in their place.
	Rules []Rule `yaml:"rules" required:"true"`

	// What these rules must answer. A configuration whose tests fail is refused, those of a candidate too. The tenant's tests are not asked of it.
	Tests []Test `yaml:"tests"`
}

// Issuer is an identity service, seen by one audience. Issuer and audience together choose the tenant: no two entries, of any tenants,
// may share both. All entries of one issuer read its keys from one place.
type Issuer struct {
	// The iss claim of its tokens, compared exactly.
	Issuer string `yaml:"issuer" required:"true"`

	// What the audience claim must be, or hold where it is a list.
	Audience string `yaml:"audience" required:"true"`

	// The claim that holds the audience: client_id for services whose tokens have no aud. Default aud.
	AudienceClaim string `yaml:"audience_claim" default:"aud"`

	// A claim that its tokens must have, as text: for tenants that share issuer and audience, all of which name the same claim with different values. No default.
	TenantClaim *TenantClaim `yaml:"tenant_claim"`

	// The aud of its logout tokens (OpenID Connect Back-Channel Logout), most often the id of a client, sent to POST /v1/logout. No default: without it the issuer
	// cannot log users out of this tenant. Two tenants of one issuer have different ones.
	LogoutAudience string `yaml:"logout_audience"`

	// The aud of its security event tokens (RFC 8417, Shared Signals), sent to POST /v1/security-events as RFC 8935 says. No default: without it such tokens are refused. Two
	// tenants of one issuer have different ones.
	EventsAudience string `yaml:"events_audience"`

	// Its public keys, a JWK Set in a file. Excludes jwks_uri. Without either they are discovered: where the issuer's own /.well-known/openid-configuration says (OpenID Connect
	// Discovery), which asks for an issuer that is an https address.
	JWKSFile File `yaml:"jwks_file"`

	// Its public keys, a JWK Set that is fetched and kept fresh: https, or http on this machine (127.0.0.1, ::1, localhost).
	// Excludes jwks_file.
	JWKSURI string `yaml:"jwks_uri"`

	// The signatures that are believed, asymmetric ones only: with a shared secret whoever verifies could forge. Also known are ES384,
	// and Ed25519, the newer name of EdDSA. Default [ES256, RS256, PS256, EdDSA].
	Algorithms []string `yaml:"algorithms" default:"[ES256, RS256, PS256, EdDSA]" enum:"ES256,ES384,RS256,PS256,EdDSA,Ed25519" min:"1"`

	// The token types that are believed, by the typ header in any case: JWT, at+jwt (also application/at+jwt), absent (a token that
	// has no typ). Default [JWT, at+jwt, absent].
	Types []string `yaml:"types" default:"[JWT, at+jwt, absent]" enum:"JWT,at+jwt,absent" min:"1"`

	// The claim that holds a user's roles: one top-level claim as it stands, dots and all, or a JSON Pointer (RFC 6901) where it begins
	// with a slash. Default roles.
	RolesClaim string `yaml:"roles_claim" default:"roles"`

	// The claim that tells a channel's other members about a user, in presence: any JSON value of at most 512 bytes, found like roles_claim. Whoever may ask for presence sees it, so name none that is private. A
	// larger value is left out. No default: without it members are a user and a connection.
	PresenceClaim string `yaml:"presence_claim"`

	// What stands before this issuer's subjects, so that two services cannot mean the same user: letters, digits, - _ . and
	// a | at the end. Required from the second issuer on, not allowed on the first, different for each; the entries of one issuer have
	// the same. cert| is taken by certificates.
	Prefix string `yaml:"prefix"`

	// The longest time from a token's iat to its exp. Default 24h, at least 1s, at most 8760h (a year).
	MaxLifetime Duration `yaml:"max_lifetime" default:"24h" min:"1s" max:"8760h"`

	// How far the issuer's clock may be off. Default 30s, at least 1s, at most 5m.
	Leeway Duration `yaml:"leeway" default:"30s" min:"1s" max:"5m"`
}

// TenantClaim tells the tenants of one issuer and audience apart, by an organisation's id for example.
type TenantClaim struct {
	// The name of the claim, as it stands in the token, at its top level.
	Name string `yaml:"name" required:"true"`

	// The text that it must be.
	Value string `yaml:"value" required:"true"`
}

// Certificates says which client certificates are this tenant's, and whom they name.
type Certificates struct {
	// PEM, the tenant's own certificate authorities. An authority belongs to one tenant alone.
	AuthoritiesFile File `yaml:"authorities_file" required:"true"`

	// What of a certificate is the user, behind cert|: its only URI (uri), or that where it is a SPIFFE ID of trust_domain (spiffe), DNS name (dns) or mail
	// address (email), or its SHA-256 (fingerprint). Default uri.
	Identity string `yaml:"identity" default:"uri" enum:"uri,spiffe,dns,email,fingerprint"`

	// The SPIFFE trust domain of its identities, like prod.acme.example. Required with identity spiffe, and not allowed with any other.
	TrustDomain string `yaml:"trust_domain"`

	// Certificate revocation lists, PEM or DER, one of each authority in authorities_file. A changed file counts within seconds, also for who is connected. When a
	// list runs out (nextUpdate) its authority's certificates are refused. No default: without lists only an end of their time ends certificates.
	RevocationLists []File `yaml:"revocation_lists" min:"1"`
}

// Limits are counted on each node for itself. All but message_size may be the word unlimited. A rate has a burst of twice itself.
type Limits struct {
	// Open connections. Default 10000.
	Connections Limit `yaml:"connections" default:"10000"`

	// Open connections of one user. Default 20.
	ConnectionsPerUser Limit `yaml:"connections_per_user" default:"20"`

	// Connections that are let in. One too many is told to come again later. It is as fast as a node that is being stopped sends clients on: set it well
	// above what your deploys bring. Default 500.
	ConnectionsPerSecond Limit `yaml:"connections_per_second" default:"500"`

	// Open subscriptions of all connections. Each costs 80 to 160 bytes. Default 250000: 25 for each of 10,000 connections.
	Subscriptions Limit `yaml:"subscriptions" default:"250000"`

	// Channels that one connection may be subscribed to. Default 100.
	SubscriptionsPerConnection Limit `yaml:"subscriptions_per_connection" default:"100"`

	// Different channels that have a subscriber. Each costs about 0.6 KiB with its first subscription, and what it keeps of its history, and the engine is told of it. Default 50000.
	Channels Limit `yaml:"channels" default:"50000"`

	// The largest message of a client, in bytes. Default 64KiB, at least 512, at most 512KiB: half of what is kept for a slow reader.
	// It must fit into the bursts of bytes_per_second and bytes_per_second_per_connection.
	MessageSize Size `yaml:"message_size" default:"64KiB" min:"512" max:"512KiB"`

	// Messages of all clients together. Default 2000.
	MessagesPerSecond Limit `yaml:"messages_per_second" default:"2000"`

	// Messages of one user over all connections. Default 200.
	MessagesPerSecondPerUser Limit `yaml:"messages_per_second_per_user" default:"200"`

	// Messages of one connection. Default 50.
	MessagesPerSecondPerConnection Limit `yaml:"messages_per_second_per_connection" default:"50"`

	// Bytes that all clients together may send. Default 16MiB: 2,000 messages a second of 8 KiB.
	BytesPerSecond ByteLimit `yaml:"bytes_per_second" default:"16MiB"`

	// Bytes that one connection may send. Default 1MiB.
	BytesPerSecondPerConnection ByteLimit `yaml:"bytes_per_second_per_connection" default:"1MiB"`

	// Memory for what clients have not read yet; what many wait for counts once. When it is full those lose for whom most waits, until there is
	// room: messages of channels that drop them, else the connection, as 4101. Default 64MiB, at least 1MiB, which one slow client may use: so one tenant's slow readers cannot use up
	// what the node has for all, limits.outbox_per_node of the main file.
	Outbox ByteLimit `yaml:"outbox" default:"64MiB"`

	// Memory for what its channels keep, 280 bytes for each message beside its payload and its user's name, and 400 for each channel that keeps any, with the engine in memory. When it is full the oldest messages go, of whatever channel. Default 64MiB.
	// An idempotency key takes about 100 bytes more, for five minutes; all of them as much as this limit at most, and a publication whose key would be more is refused.
	History ByteLimit `yaml:"history" default:"64MiB"`
}
