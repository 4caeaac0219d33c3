package mtls_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls"
	"portcullis/internal/tenant"
)

// watched is a verifier whose lists are looked at, from noon on in a bubble's time.
type watched struct {
	*mtls.Verifier
	t *testing.T

	mu    sync.Mutex
	log   bytes.Buffer
	heard []string // with the time since noon
}

// watch starts to look at the lists of authorities, until the test ends. It is called in a bubble.
func watch(t *testing.T, authorities ...mtls.Authority) *watched {
	t.Helper()
	time.Sleep(time.Until(noon))
	w := &watched{Verifier: newVerifier(t, authorities...), t: t}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, a := range authorities {
		if a.Lists != nil {
			all.Go(func() {
				a.Lists.Run(ctx, a.Tenant, slog.New(slog.NewTextHandler(w, nil)).With("tenant", a.Tenant.String()), w, func() { w.hear("changed %s", a.Tenant) })
			})
		}
	}
	t.Cleanup(func() { cancel(); all.Wait() })
	synctest.Wait()
	return w
}

func (w *watched) hear(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, time.Since(noon).String()+" "+fmt.Sprintf(format, args...))
}

func (w *watched) Loaded(id tenant.ID, next time.Time) {
	w.hear("loaded %s until %s", id, next.Sub(noon))
}
func (w *watched) Failed(id tenant.ID)  { w.hear("failed %s", id) }
func (w *watched) Dropped(id tenant.ID) { w.hear("dropped %s", id) }

func (w *watched) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

// wait lets time pass.
func (w *watched) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// expect compares what was heard since the last time.
func (w *watched) expect(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.heard, want) {
		w.t.Errorf("heard %q, want %q", w.heard, want)
	}
	w.heard = nil
}

// told counts the lines of the log with an event since the last time.
func (w *watched) told(event string, want int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := strings.Count(w.log.String(), "event="+event+" "); got != want {
		w.t.Errorf("got %d lines of %s, want %d: %s", got, event, want, &w.log)
	}
	w.log.Reset()
}

// live is somebody who is connected, by the certificate that they came with.
func (w *watched) live(leaf *x509.Certificate) *auth.Principal {
	w.t.Helper()
	p, err := w.Verify(w.t.Context(), shown(leaf), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// still asks about somebody who is connected.
func (w *watched) still(p *auth.Principal, want auth.Reason) {
	w.t.Helper()
	if err := w.Check(p, time.Now()); auth.ReasonOf(err) != want {
		w.t.Errorf("got %v, want %q", err, want)
	}
}

func TestRevokedWhileConnected(t *testing.T) {
	ours, theirs := root(t, "ours"), root(t, "theirs")
	ana, bob := ours.leaf(t), ours.leaf(t)
	files := newFolder(t)
	file := files.write("acme.crl", ours.list(t))
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, listed(t, authority(acme, ours.cert), file), listed(t, authority(globe, theirs.cert), files.write("globe.crl", theirs.list(t))))
		a, b := w.live(ana), w.live(bob)
		w.wait(time.Hour)
		w.mu.Lock()
		slices.Sort(w.heard) // both begin at once
		w.mu.Unlock()
		w.expect("0s loaded acme until 23h0m0s", "0s loaded globe until 23h0m0s")
		w.still(a, "")

		files.write("acme.crl", crlPEM(ours.list(t, revoking(ana))))
		w.wait(2 * time.Second)
		w.expect("1h0m2s loaded acme until 23h0m0s", "1h0m2s changed acme")
		w.still(a, auth.CertificateRevoked)
		w.still(b, "")
		w.told("crl.loaded", 1)
	})
}

// Whatever stands in the file, who was revoked stays revoked and who was not stays in. It is told once, and forgotten once it is mended.
func TestAFileThatCannotBeUsedChangesNothing(t *testing.T) {
	ours, twin := root(t, "ours"), root(t, "ours")
	ana, bob := ours.leaf(t), ours.leaf(t)
	text := crlPEM(ours.list(t, revoking(ana), revoking()))
	for name, content := range map[string][]byte{
		"empty":                         {},
		"half-written":                  text[:len(text)-30],
		"half-written, to the end line": text[:len(text)-5],
		"garbage":                       []byte("garbage"),
		"huge":                          append(text[:len(text):len(text)], make([]byte, 16<<20)...),
		"forged":                        twin.list(t, revoking(), revoking(), revoking()),
		"an older number":               ours.list(t),
		"an older day, a higher number": ours.list(t, numbered(9), func(l *x509.RevocationList) { l.ThisUpdate = l.ThisUpdate.Add(-time.Hour) }),
		"a younger day, a lower number": ours.list(t, revoking(), revoking(), revoking(), numbered(2)),
		"an older day, no number":       ours.oldList(t, 1, noon.Add(23*time.Hour)),
		"a delta":                       ours.list(t, revoking(), revoking(), revoking(), extended(true, 2, 5, 29, 27)),
		"removed":                       nil,
	} {
		t.Run(name, func(t *testing.T) {
			files := newFolder(t)
			file := files.write("acme.crl", text)
			synctest.Test(t, func(t *testing.T) {
				a := listed(t, authority(acme, ours.cert), file)
				w := watch(t, a)
				b := w.live(bob)
				w.expect("0s loaded acme until 23h0m0s")
				if content == nil {
					if err := os.Remove(file); err != nil {
						t.Fatal(err)
					}
				} else {
					files.write("acme.crl", content)
				}
				w.wait(2 * time.Minute)
				w.expect("2s failed acme")
				w.told("crl.failed", 1)
				w.still(b, "")
				if _, err := w.Verify(t.Context(), shown(ana), time.Now()); auth.ReasonOf(err) != auth.CertificateRevoked {
					t.Errorf("who was revoked: got %v, want %s", err, auth.CertificateRevoked)
				}

				files.write("acme.crl", text)
				w.wait(2 * time.Second)
				w.expect()
				w.told("crl.loaded", 1)
				files.write("acme.crl", ours.list(t, revoking(ana, bob), revoking(), revoking()))
				w.wait(2 * time.Second)
				w.expect("2m4s loaded acme until 23h0m0s", "2m4s changed acme")
				w.still(b, auth.CertificateRevoked)
			})
		})
	}
}

// While one authority's file is broken, what the other one revokes counts.
func TestABrokenFileHoldsUpNobodyElses(t *testing.T) {
	ours, next := root(t, "ours"), root(t, "next")
	ana := next.leaf(t)
	files := newFolder(t)
	one, two := files.write("ours.crl", ours.list(t)), files.write("next.crl", next.list(t))
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, listed(t, authority(acme, ours.cert, next.cert), one, two))
		a := w.live(ana)
		files.write("ours.crl", []byte("garbage"))
		w.wait(2 * time.Second)
		files.write("next.crl", next.list(t, revoking(ana)))
		w.wait(2 * time.Second)
		w.expect("0s loaded acme until 23h0m0s", "2s failed acme", "4s loaded acme until 23h0m0s", "4s changed acme")
		w.still(a, auth.CertificateRevoked)
	})
}

// An authority is followed by another: both have a list, and each list runs out for itself. The second end is told like the first.
func TestEachListRunsOutForItself(t *testing.T) {
	ours, next := root(t, "ours"), root(t, "next")
	long := func(c *x509.Certificate) { c.NotAfter = noon.Add(48 * time.Hour) }
	files := newFolder(t)
	one := files.write("ours.crl", ours.list(t, until(noon.Add(time.Hour))))
	two := files.write("next.crl", next.list(t, until(noon.Add(5*time.Hour))))
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, listed(t, authority(acme, ours.cert, next.cert), one, two))
		a, b := w.live(ours.leaf(t, long)), w.live(next.leaf(t, long))
		w.expect("0s loaded acme until 1h0m0s")

		w.wait(time.Hour + 29*time.Second)
		w.told("crl.expires", 1)
		w.still(a, "")
		w.wait(time.Second)
		w.expect("1h0m30s changed acme")
		w.told("crl.expired", 1)
		w.still(a, auth.RevocationUnknown)
		w.still(b, "")

		w.wait(4 * time.Hour)
		w.expect("5h0m30s changed acme")
		w.still(b, auth.RevocationUnknown)

		files.write("next.crl", next.list(t, revoking(), until(noon.Add(48*time.Hour))))
		w.wait(2 * time.Second)
		w.expect("5h0m32s loaded acme until 1h0m0s", "5h0m32s changed acme")
		w.still(b, "")
		w.still(a, auth.RevocationUnknown)
	})
}

// The log warns a day before, or when a quarter of a short list's life is left: each once.
func TestAWarningBeforeAListRunsOut(t *testing.T) {
	ours := root(t, "ours")
	for name, tt := range map[string]struct{ life, left time.Duration }{
		"a week":   {7 * 24 * time.Hour, 24 * time.Hour},
		"one hour": {time.Hour, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			warned := noon.Add(time.Minute)
			file := newFolder(t).write("acme.crl", ours.list(t, func(l *x509.RevocationList) {
				l.NextUpdate = warned.Add(tt.left)
				l.ThisUpdate = l.NextUpdate.Add(-tt.life)
			}))
			synctest.Test(t, func(t *testing.T) {
				w := watch(t, listed(t, authority(acme, ours.cert), file))
				w.wait(time.Minute)
				w.told("crl.expires", 0)
				w.wait(2 * time.Second)
				w.told("crl.expires", 1)
				w.wait(10 * time.Minute)
				w.told("crl.expires", 0)
			})
		})
	}
}

// The next list may be there before its time, by a clock that is ahead. It counts once its time is there.
func TestAListOfTheFutureComesOfAge(t *testing.T) {
	ours := root(t, "ours")
	ana := ours.leaf(t)
	files := newFolder(t)
	file := files.write("acme.crl", ours.list(t))
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, listed(t, authority(acme, ours.cert), file))
		a := w.live(ana)
		w.expect("0s loaded acme until 23h0m0s")
		files.write("acme.crl", ours.list(t, revoking(ana), func(l *x509.RevocationList) { l.ThisUpdate = noon.Add(5 * time.Minute) }))
		w.wait(4 * time.Minute)
		w.expect("2s failed acme")
		w.still(a, "")
		w.wait(2 * time.Minute)
		w.expect("5m2s loaded acme until 23h0m0s", "5m2s changed acme")
		w.still(a, auth.CertificateRevoked)
	})
}
