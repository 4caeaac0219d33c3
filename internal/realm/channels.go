package realm

import (
	"fmt"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/config"
)

// channels compiles the settings of a tenant's channels.
func (b *builder) channels(c *config.Tenant, t *Tenant) {
	list := make([]channel.Matched, len(c.Channels))
	for i, one := range c.Channels {
		path := fmt.Sprintf("channels[%d].match", i)
		pattern, err := channel.ParsePattern(one.Match)
		if err != nil {
			b.add(c.Problem(path, "%v", err))
			continue
		}
		for k, earlier := range list[:i] {
			if earlier.Pattern.Covers(pattern) {
				b.add(c.Warning(path, "%q never counts: channels[%d], %q, matches all of its names before it; put the narrower pattern first", one.Match, k, earlier.Pattern))
				break
			}
		}
		list[i] = channel.Matched{Pattern: pattern, Setting: settingOf(one)}
	}
	t.Channels = channel.NewSettings(list)
}

func settingOf(c config.Channel) (s channel.Setting) {
	if h := c.History; h != nil {
		s.History = channel.History{Messages: int(h.Messages), Age: time.Duration(h.TTL)}
	}
	if c.Presence {
		s.Presence = int(c.PresenceMembers)
	}
	s.Sealed = c.Encryption == "required"
	for _, way := range channel.SlowReaders {
		if c.SlowReader == way.String() {
			s.SlowReader = way
		}
	}
	return s
}
