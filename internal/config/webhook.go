package config

// Webhook is a backend that is told what happens to a tenant's connections and channels on each node: in signed batches of CloudEvents, in order, again until it answers 2xx.
type Webhook struct {
	// Where the batches are posted: https, or http on this machine (127.0.0.1, ::1, localhost), without a user or password. Redirects are not followed. Two webhooks of a
	// tenant have different ones.
	URL string `yaml:"url" required:"true"`

	// What it is told of: connection.opened, connection.closed, subscription.started, subscription.ended, channel.occupied (it has its first subscriber on a node),
	// channel.vacated (it has none any more), message.published.
	Events []string `yaml:"events" required:"true" min:"1" enum:"connection.opened,connection.closed,subscription.started,subscription.ended,channel.occupied,channel.vacated,message.published"`

	// The patterns of the channels that it is told of. Connections have none, and are told of anyway. No default: without patterns it is all channels.
	Channels []string `yaml:"channels" min:"1"`

	// Whether message.published carries what was published, and not only that something was. Default false.
	Payload bool `yaml:"payload"`

	// A file that holds the secret of the signatures (Standard Webhooks): one line, whsec_ and 24 to 64 random bytes in base64.
	SecretFile File `yaml:"secret_file" required:"true"`

	// A file that holds another secret, which signs too: the one before, or the next one, while the receiver changes from one to the other. No default.
	PreviousSecretFile File `yaml:"previous_secret_file"`

	// PEM, the authorities of which one must have signed the receiver's certificate, in place of the system's. No default. Needs an https url.
	AuthoritiesFile File `yaml:"authorities_file"`

	// How long the receiver may take for its answer to a batch. Default 5s, at least 100ms, at most 30s.
	Timeout Duration `yaml:"timeout" default:"5s" min:"100ms" max:"30s"`
}
