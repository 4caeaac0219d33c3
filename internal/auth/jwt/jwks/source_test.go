package jwks_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt/jwks"
)

// fetches is an observer that remembers.
type fetches struct {
	mu  sync.Mutex
	all []fetch
}

type fetch struct {
	at   time.Time
	err  error
	keys int
}

func (f *fetches) Dropped(string) {}

func (f *fetches) Fetched(_ string, err error, _ time.Duration, keys int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, fetch{time.Now(), err, keys})
}

func (f *fetches) seen() []fetch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// running runs s until the test ends.
func running(t *testing.T, s *jwks.Source) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { stop(); run.Wait() })
}

func write(t *testing.T, path string, document []byte) {
	t.Helper()
	next := path + ".next"
	if err := errors.Join(os.WriteFile(next, document, 0o600), os.Rename(next, path)); err != nil {
		t.Fatal(err)
	}
}

func knows(s *jwks.Source, i *authtest.Issuer) auth.Reason {
	_, err := s.Lookup(context.Background(), time.Now(), i.KeyID, i.Algorithm)
	return auth.ReasonOf(err)
}

func TestAFileIsReadAgainWhenItChanges(t *testing.T) {
	old, new := authtest.New("https://id.example"), authtest.New("https://id.example")
	path := old.WriteJWKS(t)
	synctest.Test(t, func(t *testing.T) {
		var log lines
		var observer fetches
		s, err := jwks.File(path, jwks.Options{Issuer: old.URL, Observer: &observer, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		running(t, s)
		time.Sleep(time.Minute)
		if got := len(observer.seen()); got != 1 {
			t.Errorf("a file that stays was read %d times, want once", got)
		}

		write(t, path, new.JWKS())
		time.Sleep(6 * time.Second)
		if got := knows(s, new); got != "" {
			t.Errorf("the new key, 6s after the change: %s", got)
		}
		if got := knows(s, old); got != auth.UnknownKey {
			t.Errorf("the key that was taken out: got %q, want %s", got, auth.UnknownKey)
		}

		// Broken, the last good keys stay, and the log says so once.
		write(t, path, []byte("{"))
		time.Sleep(time.Minute)
		if got := knows(s, new); got != "" {
			t.Errorf("the last good key, while the file is broken: %s", got)
		}
		if got := strings.Count(log.String(), "the last good ones are kept"); got != 1 {
			t.Errorf("the log says %d times that the last good keys are kept, want once:\n%s", got, log.String())
		}

		// For a day, not for ever.
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24*time.Hour - 2*time.Minute)
		if got := knows(s, new); got != "" {
			t.Errorf("just before a day without the file: %s", got)
		}
		time.Sleep(4 * time.Minute)
		if got := knows(s, new); got != auth.KeysUnavailable {
			t.Errorf("after a day without the file: got %q, want %s", got, auth.KeysUnavailable)
		}

		write(t, path, new.JWKS())
		time.Sleep(6 * time.Second)
		if got := knows(s, new); got != "" {
			t.Errorf("the file is back: %s", got)
		}
	})
}

func TestAFileThatStaysIsGoodForMoreThanADay(t *testing.T) {
	issuer := authtest.New("https://id.example")
	path := issuer.WriteJWKS(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := jwks.File(path, jwks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		running(t, s)
		time.Sleep(48 * time.Hour)
		if got := knows(s, issuer); got != "" {
			t.Errorf("after two days: %s", got)
		}
	})
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty.json")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"absent": filepath.Join(folder, "absent.json"), "a folder": folder, "empty": empty} {
		t.Run(name, func(t *testing.T) {
			if _, err := jwks.File(path, jwks.Options{}); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names %s", err, path)
			}
		})
	}
}
