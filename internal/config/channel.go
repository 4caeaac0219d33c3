package config

import "fmt"

// Channel is the setting of the channels that a pattern matches.
type Channel struct {
	// The names that it is for: * stands for one segment, a last ** for one or more. Templates like {user} are for rules; write * here.
	Match string `yaml:"match" required:"true"`

	// What is kept of them, so that a client continues where it was, or reads what was said. No default: without it nothing is kept.
	History *History `yaml:"history"`
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
		if path := fmt.Sprintf("channels[%d]", i); c.Match != "" && !t.has(path+".history") {
			add(t.Problem(path, "sets nothing; give it history, or remove it"))
		}
	}
}
