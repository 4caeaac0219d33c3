package channel

import (
	"strings"
	"time"
)

// Setting is what a channel does beside passing on what is said. The zero Setting does nothing more.
type Setting struct {
	History History
	// Presence is how many members are listed, and told of one by one; 0 where the channel has no presence.
	Presence int
	// SlowReader is what becomes of a subscriber that does not keep up.
	SlowReader SlowReader
	// Sealed channels take only what is end-to-end encrypted.
	Sealed bool
}

// SlowReader is what a channel does when a subscriber's outbox has no room for what it says. The set is closed: it is a metric label.
type SlowReader uint8

// The ways.
const (
	Disconnect SlowReader = iota // the connection ends
	DropOldest                   // the oldest that waits goes, and the subscriber is told
	Conflate                     // of what waits only the newest stays, and the subscriber is told
)

// SlowReaders lists every way.
var SlowReaders = []SlowReader{Disconnect, DropOldest, Conflate}

func (s SlowReader) String() string { return [...]string{"disconnect", "drop_oldest", "conflate"}[s] }

// History is how much of a channel is kept.
type History struct {
	Messages int           // the newest so many; 0 keeps nothing
	Age      time.Duration // and none older than this
}

// Kept reports whether anything is.
func (h History) Kept() bool { return h.Messages > 0 }

// Matched is a setting and the names that it is for.
type Matched struct {
	Pattern Pattern
	Setting Setting
}

// Settings finds the setting of a channel: that of the first pattern that matches its name. Nothing is merged. It is immutable; a nil one has no patterns.
type Settings struct {
	// byFirst are the settings whose patterns begin with a literal segment, by that; anywhere are the others. A name is compared with those of its own first
	// segment and with the others, so that what is set for other channels costs nothing.
	byFirst  map[string][]setting
	anywhere []setting
}

type setting struct {
	order   int // its place in the list
	pattern Pattern
	setting *Setting
}

// none is the setting of channels that no pattern matches.
var none = new(Setting)

// NewSettings returns settings of which the first that matches counts.
func NewSettings(list []Matched) *Settings {
	s := &Settings{byFirst: make(map[string][]setting)}
	for i, m := range list {
		one := setting{i, m.Pattern, new(m.Setting)}
		switch first := firstOf(m.Pattern.text); first {
		case "":
		case "*", "**":
			s.anywhere = append(s.anywhere, one)
		default:
			s.byFirst[first] = append(s.byFirst[first], one)
		}
	}
	return s
}

// Of returns the setting of a channel, never nil. It allocates nothing, and nobody changes what it returns.
func (s *Settings) Of(n Name) *Setting {
	if s == nil {
		return none
	}
	found := setting{setting: none}
	if one, ok := match(s.byFirst[firstOf(n.text)], n); ok {
		found = one
	}
	if one, ok := match(s.anywhere, n); ok && (found.setting == none || one.order < found.order) {
		found = one
	}
	return found.setting
}

// match returns the first of a list that matches n.
func match(list []setting, n Name) (setting, bool) {
	for _, one := range list {
		if one.pattern.Match(n) {
			return one, true
		}
	}
	return setting{}, false
}

// firstOf returns the first segment of a name or pattern.
func firstOf(text string) string {
	if i := strings.IndexByte(text, ':'); i >= 0 {
		return text[:i]
	}
	return text
}
