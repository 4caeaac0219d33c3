package memory_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/broker"
	"portcullis/internal/broker/brokertest"
	"portcullis/internal/broker/memory"
)

// in returns an engine that keeps its state in a folder.
func in(folder string) *memory.Broker {
	return memory.With(memory.Options{StateDir: folder, Log: slog.New(slog.DiscardHandler)})
}

func TestContractWithAFolder(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, func(t *testing.T, nodes int) []broker.Broker { return cluster(in(t.TempDir()), nodes) })
}

// life runs do with the state of an engine on a folder, from a start to an end.
func life(t *testing.T, folder string, do func(ctx context.Context, s broker.State)) {
	t.Helper()
	b := in(folder)
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx, new(sink)) }()
	for b.State().Put(ctx, "probe", nil, -1) != nil {
		time.Sleep(time.Millisecond)
	}
	do(ctx, b.State())
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// entries returns everything that the state holds.
func entries(t *testing.T, s broker.State) map[string]string {
	t.Helper()
	all := make(map[string]string)
	ctx, cancel := context.WithCancel(t.Context())
	told := func(key string, value []byte) {
		if value == nil {
			delete(all, key)
		} else {
			all[key] = string(value)
		}
	}
	must(t, s.Watch(ctx, "", told, cancel))
	return all
}

func want(t *testing.T, s broker.State, want map[string]string) {
	t.Helper()
	if got := entries(t, s); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What was acknowledged before a restart holds after it: what is there is there, what was taken stays taken, and what is over is over.
func TestARestartForgetsNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		life(t, folder, func(ctx context.Context, s broker.State) {
			must(t, s.Put(ctx, "suspended", []byte("{}"), 0))
			must(t, s.Put(ctx, "an hour", []byte("1"), time.Hour))
			must(t, s.Put(ctx, "a minute", []byte("2"), time.Minute))
			must(t, s.Put(ctx, "not quite", []byte("3"), time.Minute-1))
			must(t, s.Put(ctx, "changed", []byte("4"), 0))
			must(t, s.Put(ctx, "changed", []byte("5"), time.Hour))
			must(t, s.Put(ctx, "lifted", []byte("6"), 0))
			must(t, s.Put(ctx, "lifted", nil, -1))
			must(t, s.Put(ctx, "taken", []byte("7"), 0))
			_, _, err := s.Take(ctx, "taken")
			must(t, err)
			must(t, s.Put(ctx, "made short", []byte("8"), 0))
			must(t, s.Put(ctx, "made short", []byte("9"), time.Second))
			must(t, s.Put(ctx, "made long", []byte("10"), time.Second))
			must(t, s.Put(ctx, "made long", []byte("11"), time.Hour))
			must(t, s.Put(ctx, "empty", nil, 0))
			added, err := s.Add(ctx, "seen", []byte("12"), time.Hour)
			if err != nil || !added {
				t.Errorf("got %v, %v, want that it is added", added, err)
			}
		})
		kept := map[string]string{"suspended": "{}", "an hour": "1", "a minute": "2", "changed": "5", "made long": "11", "empty": "", "seen": "12"}
		time.Sleep(time.Minute - time.Second)
		life(t, folder, func(ctx context.Context, s broker.State) {
			want(t, s, kept)
			if added, err := s.Add(ctx, "seen", nil, time.Hour); err != nil || added {
				t.Errorf("added once more after a restart: %v, %v", added, err)
			}
			delete(kept, "a minute")
			time.Sleep(time.Second)
			want(t, s, kept)
		})
		time.Sleep(time.Hour)
		life(t, folder, func(_ context.Context, s broker.State) { want(t, s, map[string]string{"suspended": "{}", "empty": ""}) })
	})
}

func size(t *testing.T, folder string) int {
	t.Helper()
	info, err := os.Stat(filepath.Join(folder, "state.journal"))
	must(t, err)
	return int(info.Size())
}

// Tickets do not wait for a disk.
func TestWhatIsShortIsNotWritten(t *testing.T) {
	folder := t.TempDir()
	life(t, folder, func(ctx context.Context, s broker.State) {
		before := size(t, folder)
		for i := range 100 {
			must(t, s.Put(ctx, fmt.Sprint("ticket/", i), []byte("ana"), 30*time.Second))
			_, _ = s.Add(ctx, fmt.Sprint("seen/", i), nil, time.Minute-1)
			_, _, _ = s.Take(ctx, fmt.Sprint("ticket/", i))
		}
		must(t, s.Put(ctx, "absent", nil, -1))
		if got := size(t, folder); got != before {
			t.Errorf("the journal grew by %d bytes, want none", got-before)
		}
	})
}

// Without a folder there is no file anywhere.
func TestWithoutAFolderNothingIsWritten(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	b, _ := run(t)
	must(t, b.Open())
	must(t, b.State().Put(t.Context(), "suspended", nil, 0))
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("got %v, %v; want no file", files, err)
	}
}

// What comes while the disk is busy goes there together; nobody is told before, and nobody sees it.
func TestConcurrentChangesShareAWrite(t *testing.T) {
	const callers = 50
	folder := t.TempDir()
	b := in(folder)
	start(t, b, new(sink))
	s := b.State()
	before := size(t, folder)
	release := b.HoldWriting()
	var all sync.WaitGroup
	var told sync.Map
	for i := range callers {
		all.Go(func() {
			if err := s.Put(context.Background(), fmt.Sprintf("k/%02d", i), []byte("v"), 0); err != nil {
				t.Error(err)
			}
			told.Store(i, true)
		})
	}
	for b.Waiting() < callers {
		time.Sleep(time.Millisecond)
	}
	told.Range(func(i, _ any) bool { t.Errorf("caller %v was told before it was written", i); return true })
	want(t, s, map[string]string{})
	release()
	all.Wait()
	if got, want := size(t, folder)-before, 12+callers*(1+1+4+1+1); got != want {
		t.Errorf("the journal grew by %d bytes, want %d: one record", got, want)
	}
	if got := len(entries(t, s)); got != callers {
		t.Errorf("got %d entries, want %d", got, callers)
	}
}

// Whoever asks for a key whose change is on its way waits for it: of an Add that is written and one that need not be, one wins.
func TestAShortAddWaitsForALongOne(t *testing.T) {
	b := in(t.TempDir())
	start(t, b, new(sink))
	release := b.HoldWriting()
	answers := make(chan bool, 2)
	for _, ttl := range []time.Duration{time.Hour, time.Second} {
		go func() {
			added, _ := b.State().Add(context.Background(), "k", nil, ttl)
			answers <- added
		}()
		for b.Waiting() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	select {
	case <-answers:
		t.Error("told before it was written")
	case <-time.After(20 * time.Millisecond):
	}
	release()
	if one, two := <-answers, <-answers; one == two {
		t.Errorf("got %v and %v, want that one added it", one, two)
	}
}

func TestTwoEnginesOnOneFolder(t *testing.T) {
	folder := t.TempDir()
	life(t, folder, func(ctx context.Context, s broker.State) {
		second := in(folder)
		if err := second.Run(ctx, new(sink)); err == nil || !strings.Contains(err.Error(), folder) {
			t.Errorf("got %v, want that %s is in use", err, folder)
		}
		must(t, s.Put(ctx, "k", nil, 0))
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	first := in(folder)
	must(t, first.Run(ctx, new(sink)))
	if err := first.Node().Run(ctx, new(sink)); err == nil {
		t.Error("a node of an engine whose folder was closed runs")
	}
}

// The folder is open until the last node has ended.
func TestTheLastNodeClosesTheFolder(t *testing.T) {
	folder := t.TempDir()
	life(t, folder, func(context.Context, broker.State) {})
	b := in(folder)
	other := b.Node()
	ctx, cancel := context.WithCancel(t.Context())
	start(t, other, new(sink))
	ended := make(chan error)
	go func() { ended <- b.Run(ctx, new(sink)) }()
	for b.State().Put(ctx, "k", nil, 0) != nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	must(t, <-ended)
	must(t, other.State().Put(t.Context(), "l", nil, 0))
	if err := in(folder).Open(); err == nil {
		t.Error("the folder is free, and a node still runs")
	}
}

// book is what callers were told.
type book struct {
	mu    sync.Mutex
	there map[string]bool // acknowledged, and not asked to go
	gone  map[string]bool // acknowledged to be gone
}

func (b *book) note(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *book) now() (there, gone map[string]bool) {
	b.note(func() { there, gone = maps.Clone(b.there), maps.Clone(b.gone) })
	return there, gone
}

// A copy of the file, taken at any moment, holds whatever had been acknowledged by then: so does the file itself when the process is killed.
func TestACopyAtAnyMomentHoldsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := in(folder)
	start(t, b, new(sink))
	told := &book{there: make(map[string]bool), gone: make(map[string]bool)}
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() { write(ctx, t, b.State(), told, w) })
	}
	copies := 30
	if testing.Short() {
		copies = 5
	}
	for range copies {
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		there, gone := told.now()
		data, err := os.ReadFile(filepath.Join(folder, "state.journal"))
		must(t, err)
		still, _ := told.now()
		maps.DeleteFunc(there, func(key string, _ bool) bool { return !still[key] })
		holds(t, data, there, gone)
	}
	stop()
	writers.Wait()
}

// write puts one key after the other, and takes each when ten more are there.
func write(ctx context.Context, t *testing.T, s broker.State, told *book, writer int) {
	value := []byte(strings.Repeat(".", 4000))
	for i := 0; ctx.Err() == nil; i++ {
		key, old := fmt.Sprintf("%d/%d", writer, i), fmt.Sprintf("%d/%d", writer, i-10)
		if err := s.Put(context.Background(), key, value, time.Hour); err != nil {
			t.Error(err)
		}
		told.note(func() { told.there[key] = true; delete(told.there, old) })
		if _, ok, err := s.Take(context.Background(), old); err != nil || ok != (i >= 10) {
			t.Errorf("take %s: got %v, %v", old, ok, err)
		}
		told.note(func() { told.gone[old] = true })
	}
}

// holds reads a copy of a journal.
func holds(t *testing.T, data []byte, there, gone map[string]bool) {
	t.Helper()
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "state.journal"), data, 0o600))
	life(t, folder, func(_ context.Context, s broker.State) {
		got := entries(t, s)
		for key := range there {
			if _, ok := got[key]; !ok {
				t.Errorf("%s was acknowledged, and is not there", key)
			}
		}
		for key := range got {
			if gone[key] {
				t.Errorf("%s was taken, and is there", key)
			}
		}
	})
}

// TestMain is a process to kill where it is told to be one.
func TestMain(m *testing.M) {
	if folder := os.Getenv("PORTCULLIS_TEST_VICTIM"); folder != "" {
		victim(folder)
	}
	os.Exit(m.Run())
}

// victim writes for ever, and says what was acknowledged.
func victim(folder string) {
	b := in(folder)
	go func() { _ = b.Run(context.Background(), new(sink)) }()
	for b.State().Put(context.Background(), "probe", nil, -1) != nil {
		time.Sleep(time.Millisecond)
	}
	var mu sync.Mutex
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d/%d", w, i)
				if err := b.State().Put(context.Background(), key, []byte(key), 0); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(key)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// kill -9 in the middle of writing loses nothing of what was acknowledged.
func TestAKilledProcess(t *testing.T) {
	program, err := os.Executable()
	must(t, err)
	folder := t.TempDir()
	acknowledged := make(map[string]bool)
	for range 3 {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), "PORTCULLIS_TEST_VICTIM="+folder)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines, kill := bufio.NewReader(out), 50+rand.IntN(200)
		for n := 0; ; n++ {
			if n == kill {
				must(t, cmd.Process.Kill())
			}
			line, err := lines.ReadString('\n')
			if err != nil {
				break // also of a line that was cut short
			}
			acknowledged[strings.TrimSpace(line)] = true
		}
		_ = cmd.Wait()
		life(t, folder, func(_ context.Context, s broker.State) {
			got := entries(t, s)
			for key := range acknowledged {
				if got[key] != key {
					t.Errorf("%s was acknowledged, and is gone", key)
				}
			}
		})
	}
	if len(acknowledged) < 50 {
		t.Errorf("only %d were acknowledged", len(acknowledged))
	}
}

func BenchmarkPutKept(b *testing.B) {
	engine := in(b.TempDir())
	start(b, engine, new(sink))
	for _, bb := range []struct {
		name    string
		callers int
	}{{"one caller", 1}, {"32 callers", 16}} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetParallelism(bb.callers)
			put := func(i int) {
				if err := engine.State().Put(context.Background(), fmt.Sprint("k/", i%1000), []byte(`{"kind":"user"}`), time.Hour); err != nil {
					b.Error(err)
				}
			}
			if bb.callers == 1 {
				for i := 0; b.Loop(); i++ {
					put(i)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					put(i)
				}
			})
		})
	}
}
