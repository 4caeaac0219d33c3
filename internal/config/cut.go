package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// which says to which file a path led.
type which struct {
	info fs.FileInfo
	path string // without links
}

// sameAs reports whether it is the same file, and not another one that was put in its place. The system gives the number of a file that is gone to the next one: that is why the path counts too.
func (w which) sameAs(other which) bool {
	return w.info == nil || other.info == nil || os.SameFile(w.info, other.info) && w.path == other.path
}

// real is a path without links; where that cannot be known, as it is.
func real(path string) string {
	if leads, err := filepath.EvalSymlinks(path); err == nil {
		return leads
	}
	return path
}

// Cut returns a problem for each file of next that is the beginning of what c was read from: whoever writes a file in its place has written so much of it. Another file in its place, by a rename or behind a link, is
// whole by nature. What is missing may be the rule that denies, and the
// tests that would find it missing. A file that has lost no more than comments and space is whole.
func (c *Config) Cut(next *Config) (problems []Problem) {
	look := func(was, is Source) {
		if rest, found := strings.CutPrefix(was.text, is.text); found && was.which.sameAs(is.which) && says(rest) {
			problems = append(problems, is.Problem("", "ends where the last good one goes on, %d bytes before its end, and looks half written: write a file beside it and rename that into its place, "+
				"which counts at once, or, if it is meant so, run portcullis reload", len(rest)))
		}
	}
	look(c.Source, next.Source)
	known := make(map[string]*Tenant, len(c.Tenants))
	for i := range c.Tenants {
		known[c.Tenants[i].file] = &c.Tenants[i]
	}
	for i := range next.Tenants {
		t := &next.Tenants[i]
		if was := known[t.file]; was != nil && t.text != "" {
			look(was.Source, t.Source)
		}
	}
	return problems
}

// says reports whether the end of a file holds more than comments and space.
func says(rest string) bool {
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}
