package jwks

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"portcullis/internal/auth"
)

// MaxAge is how long the last good keys are believed without a new look at where they come from. It is counted from that look, not from
// the last use: a key that the issuer took back does not live on because somebody uses it.
const MaxAge = 24 * time.Hour

// Observer hears of every attempt to read keys. Its methods are called from the goroutine that reads and must not wait.
type Observer interface {
	// Fetched says that reading issuer's keys took so long, and failed when err is not nil; keys is how many are in use now.
	Fetched(issuer string, err error, took time.Duration, keys int)
	// Dropped says that issuer's keys are not kept any more.
	Dropped(issuer string)
}

// Options are common to sources. The zero Options will do.
type Options struct {
	Issuer   string       // whose keys they are, for Observer and Log
	Observer Observer     // nil for none
	Log      *slog.Logger // nil for none
}

// Source holds the newest good keys of one issuer. Handshakes read them and neither wait for a fetch nor cause one.
type Source struct {
	// Set by File or URL, then read-only.
	options  Options
	location string
	name     string // location without what must not be shown
	every    time.Duration
	load     func(context.Context) (*Set, error) // returns errUnchanged when the last good set still stands

	current atomic.Pointer[snapshot]
	failing atomic.Bool // the last look failed
	unknown unknown

	// Owned by whoever holds the turn; a channel, because loading may wait for a network.
	turn     chan struct{}
	failures int    // in a row
	told     string // what the log says last
}

// snapshot is a set and when the place it comes from was last seen to hold it.
type snapshot struct {
	set  *Set
	seen time.Time
}

var errUnchanged = errors.New("unchanged")

func newSource(location, name string, every time.Duration, options Options, load func(context.Context) (*Set, error)) *Source {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Source{
		options: options, location: location, name: name, every: every, load: load,
		turn: make(chan struct{}, 1), unknown: unknown{wanted: make(chan struct{}, 1)},
	}
}

// Location returns where the keys come from. Sources of one location hold the same keys. It may have a query: it is for comparing, not
// for showing.
func (s *Source) Location() string { return s.location }

// Keys returns the newest good set, nil when there was none yet.
func (s *Source) Keys() *Set {
	if now := s.current.Load(); now != nil {
		return now.set
	}
	return nil
}

// Lookup is [Set.Lookup] on the newest good set. Only for a key that this set does not have, or while there is no set, it may wait, at most a second, for newer keys: an
// issuer signs with a new key as soon as it has one, and one that was down may be back. A key that is known never waits, whatever the issuer's service does.
func (s *Source) Lookup(ctx context.Context, now time.Time, kid, alg string) (*Key, error) {
	key, err := s.find(now, kid, alg)
	if !lacking(err) {
		return key, err
	}
	if fetch := s.unknown.ask(kid, auth.ReasonOf(err) == auth.KeysUnavailable, now); fetch != nil {
		s.unknown.await(ctx, fetch)
		if key, err = s.find(now, kid, alg); !lacking(err) {
			return key, err
		}
		if auth.ReasonOf(err) == auth.UnknownKey {
			s.unknown.remember(kid, now)
		}
	}
	if s.failing.Load() && auth.ReasonOf(err) == auth.UnknownKey {
		return nil, auth.Refuse(auth.KeysUnavailable, "the issuer's keys cannot be read now, and those that were read last have none with kid %.64q", kid)
	}
	return nil, err
}

// lacking reports whether newer keys could help: the key is not among those that there are, or there are none.
func lacking(err error) bool {
	reason := auth.ReasonOf(err)
	return reason == auth.UnknownKey || reason == auth.KeysUnavailable
}

func (s *Source) find(now time.Time, kid, alg string) (*Key, error) {
	c := s.current.Load()
	if c == nil {
		return nil, auth.Refuse(auth.KeysUnavailable, "no keys of this issuer were read yet")
	}
	if age := now.Sub(c.seen); age > MaxAge {
		return nil, auth.Refuse(auth.KeysUnavailable, "the keys of this issuer were last read %v ago; the limit is %v", age.Round(time.Minute), MaxAge)
	}
	return c.set.Lookup(kid, alg)
}

// Fetch reads the keys once. On an error the last good ones stay.
func (s *Source) Fetch(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	start := time.Now()
	set, err := s.load(ctx)
	unchanged := errors.Is(err, errUnchanged)
	if unchanged {
		set, err = s.Keys(), nil
	}
	if err == nil {
		s.current.Store(&snapshot{set, time.Now()})
	}
	if unchanged && s.failures == 0 {
		return nil
	}
	if err == nil || ctx.Err() == nil { // a fetch that was called off is no failure
		s.tell(err, time.Since(start))
	}
	return err
}
