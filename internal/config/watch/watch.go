// Package watch notices that files of a configuration have changed. It watches folders and not files: editors put a new file in the place of the old one, and
// Kubernetes swaps the folder behind a link (..data).
package watch

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long nothing may happen in the folders before the files are looked at: whoever changes one often changes another.
	settle = 200 * time.Millisecond
	// lookEvery is how often they are looked at without a reason: a folder was away, lies on a network, or its system tells nothing.
	lookEvery = 5 * time.Second
)

// Files says what there is to notice: single files, and a folder whose YAML files count; empty for none.
type Files struct {
	Single []string
	Folder string
}

// Seen is how files looked. Equal ones have equal contents, unless somebody sets clocks back.
type Seen map[string]stamp

type stamp struct {
	size    int64
	changed time.Time
	inode   fs.FileInfo
}

// Look looks at files, without opening any. What is not there is part of it.
func Look(f Files) Seen {
	s := make(Seen)
	for _, file := range f.Single {
		s.add(file)
	}
	entries, err := os.ReadDir(f.Folder)
	if err != nil {
		return s
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !strings.HasPrefix(e.Name(), ".") && (ext == ".yaml" || ext == ".yml") {
			s.add(filepath.Join(f.Folder, e.Name()))
		}
	}
	return s
}

func (s Seen) add(file string) {
	info, err := os.Stat(file)
	if err != nil {
		s[file] = stamp{size: -1}
		return
	}
	s[file] = stamp{info.Size(), info.ModTime(), info}
}

// Same reports whether nothing has changed.
func (s Seen) Same(other Seen) bool {
	return maps.EqualFunc(s, other, func(a, b stamp) bool {
		return a.size == b.size && a.changed.Equal(b.changed) && (a.inode == nil || os.SameFile(a.inode, b.inode))
	})
}

// Run calls changed when the files that files names are other ones than seen, until ctx ends. It asks files anew each time: what changed may name others. What changes while
// changed reads is noticed the next time.
func Run(ctx context.Context, files func() Files, seen Seen, changed func()) {
	w, err := fsnotify.NewWatcher()
	var events chan fsnotify.Event
	var errs chan error
	if err == nil { // without one, looking will do
		defer func() { _ = w.Close() }()
		events, errs = w.Events, w.Errors
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			quiet.Reset(settle)
			continue
		case lost := <-errs: // events, or a folder
			if lost != nil {
				quiet.Reset(settle)
			}
			continue
		case <-quiet.C:
		case <-tick.C:
		}
		if w != nil {
			follow(w, files())
		}
		if now := Look(files()); !now.Same(seen) {
			changed()
			seen = now
		}
	}
}

// follow watches the folders as they are now: one that is away is watched when it is back, and behind a link may be another one.
func follow(w *fsnotify.Watcher, f Files) {
	folders := make(map[string]bool)
	for _, file := range f.Single {
		folders[filepath.Dir(file)] = true
	}
	if f.Folder != "" {
		folders[f.Folder], folders[filepath.Dir(f.Folder)] = true, true
	}
	for _, watched := range w.WatchList() {
		if !folders[watched] {
			_ = w.Remove(watched)
		}
	}
	for folder := range folders {
		_ = w.Add(folder) // what cannot be watched is looked at
	}
}
