package config

import "fmt"

// Channel is the setting of the channels that a pattern matches.
type Channel struct {
	// The names that it is for: * stands for one segment, a last ** for one or more. Templates like {user} are for rules; write * here.
	Match string `yaml:"match" required:"true"`

	// What is kept of them, so that a client continues where it was, or reads what was said. No default: without it nothing is kept.
	History *History `yaml:"history"`

	// Whether their members may be asked for, and heard coming and going (join_leave), by those whom a rule allows presence. Each subscription is then known to all nodes: it costs about 1 KiB on each, and the
	// engine an operation every 15 seconds. Default false.
	Presence bool `yaml:"presence"`

	// How many members are listed, and told of one by one. Of more there are only numbers: what all say to all grows with the square. Needs presence. Default 1000, at least 1, at most 1000.
	PresenceMembers Count `yaml:"presence_members" default:"1000" min:"1" max:"1000"`

	// What becomes of a subscriber that does not read as fast as the channel speaks: disconnect (its connection is closed as 4101 when 1 MiB or 1,024 messages wait for it), drop_oldest (the oldest messages of
	// the channel that wait are dropped), conflate (once it is behind only the newest message waits: for channels whose last word is all that counts). What is dropped is told by a gap. Default disconnect.
	SlowReader string `yaml:"slow_reader" default:"disconnect" enum:"disconnect,drop_oldest,conflate"`

	// Whether only what is end-to-end encrypted may be published on them and echoed: optional, or required. The gateway looks at its form, and at the tenant and channel that it is for; what is inside only members can read. What was
	// kept before stays. Default optional.
	Encryption string `yaml:"encryption" default:"optional" enum:"optional,required"`
}

// History is how much of a channel is kept. What is more, or older, goes, the oldest first.
type History struct {
	// How many messages, the newest ones: at least 1, at most 10000.
	Messages Count `yaml:"messages" required:"true" max:"10000"`

	// For how long. Default 24h, at least 1s, at most 720h (30 days).
	TTL Duration `yaml:"ttl" default:"24h" min:"1s" max:"720h"`
}

// mostSettings keeps a tenant's list one that can be compared with itself.
const mostSettings = 1000

// checkChannels looks at the list of settings. Whoever compiles the patterns looks at these.
func (t *Tenant) checkChannels(add func(Problem)) {
	if n := len(t.Channels); n > mostSettings {
		add(t.Problem("channels", "%d settings are more than %d, the most that is allowed; give channels that are alike a pattern", n, mostSettings))
	}
	for i, c := range t.Channels {
		path := fmt.Sprintf("channels[%d]", i)
		if c.Match != "" && !t.has(path+".history") && !t.has(path+".presence") && !t.has(path+".slow_reader") && !t.has(path+".encryption") {
			add(t.Problem(path, "sets nothing; give it history, presence, slow_reader or encryption, or remove it"))
		}
		if t.has(path+".presence_members") && !c.Presence {
			add(t.Problem(path+".presence_members", "counts only with presence: true; set that too, or remove it"))
		}
	}
}
