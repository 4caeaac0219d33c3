package crl

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"portcullis/internal/config/regular"
	"portcullis/internal/tenant"
)

const (
	// lookEvery is how often the files of revocation lists are looked at.
	lookEvery = 2 * time.Second
	// maxFile is more than the lists of three hundred thousand revoked certificates have.
	maxFile = 16 << 20
	// warnBefore is how long before a list runs out the log says so; of a list that lives for less than four days, when a quarter of its life is left.
	warnBefore = 24 * time.Hour
)

// Observer hears of revocation lists. Its methods are called from the goroutines that read them and must not wait.
type Observer interface {
	// Loaded says when the first of a tenant's lists runs out: at the start, and whenever other lists count.
	Loaded(of tenant.ID, nextUpdate time.Time)
	// Failed says that a tenant's files cannot be used as they are; once for each way in which they cannot.
	Failed(of tenant.ID)
	// Dropped says that a tenant has no lists any more.
	Dropped(of tenant.ID)
}

// nobody is an observer that does not listen.
type nobody struct{}

func (nobody) Loaded(tenant.ID, time.Time) {}
func (nobody) Failed(tenant.ID)            {}
func (nobody) Dropped(tenant.ID)           {}

// watching is what was told of the lists.
type watching struct {
	fault   string
	overdue map[*list]bool
	warned  map[*list]bool
}

// Run looks at the files until ctx ends, and calls changed within seconds after other certificates count than before: after a list changed, or ran out. It is called
// once; o may be nil.
func (l *Lists) Run(ctx context.Context, of tenant.ID, log *slog.Logger, o Observer, changed func()) {
	if o == nil {
		o = nobody{}
	}
	l.watching = watching{overdue: make(map[*list]bool), warned: make(map[*list]bool)}
	o.Loaded(of, l.first())
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		other, err := l.look(now)
		if l.tell(log, other, err) {
			o.Failed(of)
		}
		if other {
			o.Loaded(of, l.first())
			clear(l.overdue)
			clear(l.warned)
		}
		if over := l.runsOut(log, now); other || over {
			changed()
		}
	}
}

// first returns when the first of the lists runs out.
func (l *Lists) first() (first time.Time) {
	for _, of := range l.inOrder() {
		if first.IsZero() || of.until.Before(first) {
			first = of.until
		}
	}
	return first
}

// tell says once what is wrong with the files, and reports that it did; and once that all is well again.
func (l *Lists) tell(log *slog.Logger, other bool, err error) bool {
	fault := ""
	if err != nil {
		fault = err.Error()
	}
	news := fault != l.fault
	l.fault = fault
	if other || news && err == nil {
		log.Info("revocation lists loaded", "event", "crl.loaded", "files", l.files)
	}
	if news && err != nil {
		log.Error("revocation lists that cannot be used, the last good ones of their authorities count further", "event", "crl.failed", "error", err)
	}
	return news && err != nil
}

// runsOut reports whether a list has just run out, and warns before.
func (l *Lists) runsOut(log *slog.Logger, now time.Time) (over bool) {
	for _, of := range l.inOrder() {
		switch {
		case !now.Before(of.ends()) && !l.overdue[of]:
			l.overdue[of], over = true, true
			log.Error("a revocation list ran out: certificates of its authority are refused until the next one is there",
				"event", "crl.expired", "authority", of.authority, "next_update", of.until)
		case now.Before(of.ends()) && of.soon(now) && !l.warned[of]:
			l.warned[of] = true
			log.Warn("a revocation list runs out soon", "event", "crl.expires", "authority", of.authority, "next_update", of.until)
		}
	}
	return over
}

// soon reports whether the list should have been followed by now.
func (l *list) soon(now time.Time) bool {
	return l.until.Sub(now) < min(warnBefore, l.until.Sub(l.from)/4)
}

// sumOf returns a sum of what there is to read in files.
func sumOf(files []string) [sha256.Size]byte {
	all := sha256.New()
	for _, file := range files {
		one := sha256.New()
		if err := open(file, func(f io.Reader) error { _, err := io.Copy(one, f); return err }); err != nil {
			one.Write([]byte(err.Error()))
		}
		all.Write(one.Sum(nil))
	}
	return [sha256.Size]byte(all.Sum(nil))
}

func readFile(file string) (text []byte, err error) {
	err = open(file, func(f io.Reader) error { text, err = io.ReadAll(f); return err })
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes; issue certificates that live shorter, so that lists can forget them sooner", maxFile)
	}
	return text, err
}

// open gives a file to use, up to one byte more than it may have.
func open(file string, use func(io.Reader) error) error {
	const remedy = "name a PEM or DER file that the gateway may read"
	f, _, err := regular.Open(file)
	if err != nil {
		return fmt.Errorf("it cannot be read: %w; %s", errors.Unwrap(err), remedy)
	}
	defer func() { _ = f.Close() }()
	if err := use(io.LimitReader(f, maxFile+1)); err != nil {
		return fmt.Errorf("it cannot be read: %w; %s", errors.Unwrap(err), remedy)
	}
	return nil
}
