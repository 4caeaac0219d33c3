package jwks

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

// How soon after a failure the next attempt comes: at once and then less often.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Run keeps the keys fresh. It returns when ctx ends, and is called once.
func (s *Source) Run(ctx context.Context) {
	s.unknown.running(true)
	defer s.unknown.running(false)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.pause()):
		case <-s.unknown.wanted:
		}
		over := s.unknown.begin()
		_ = s.Fetch(ctx) // the log and the observer were told
		over()
	}
}

// pause returns how long to wait before the next fetch: a little more or less each time, so that the nodes of a cluster do not ask
// all at once.
func (s *Source) pause() time.Duration {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	switch {
	case s.failures > 0:
		backoff := lastRetry
		if s.failures <= 6 {
			backoff = firstRetry << (s.failures - 1)
		}
		return around(min(backoff, s.every))
	case s.Keys() == nil:
		return 0
	}
	return around(s.every)
}

// around returns d, give or take a tenth.
func around(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

// tell tells the observer everything, and the log what is new since the last time.
func (s *Source) tell(err error, took time.Duration) {
	keys := s.Keys()
	if s.options.Observer != nil {
		s.options.Observer.Fetched(s.options.Issuer, err, took, keys.Len())
	}
	var news string
	s.failing.Store(err != nil)
	if err != nil {
		news = err.Error()
		s.failures++
	} else {
		news = strings.Join(keys.Skipped(), "; ")
		s.failures = 0
	}
	if news == s.told {
		return
	}
	s.told = news
	log := s.options.Log.With("issuer", s.options.Issuer, "from", s.name, "keys", keys.Len())
	switch {
	case err != nil && keys == nil:
		log.Warn("there are no keys: every token of this issuer is refused", "error", err)
	case err != nil:
		log.Warn("keys could not be read, the last good ones are kept", "error", err)
	case news != "":
		log.Warn("keys are read, some are skipped", "skipped", news)
	default:
		log.Info("keys are read again, all are usable")
	}
}
