package portcullis_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// An example is read by somebody who has not decided yet. Each program or page, its files together, is under 100 lines.
func TestExamplesAreShort(t *testing.T) {
	lines := make(map[string]int)
	err := filepath.WalkDir("examples", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if !slices.Contains([]string{".go", ".js", ".html", ".css"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		lines[filepath.Dir(path)] += bytes.Count(text, []byte("\n"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 5 {
		t.Errorf("got the examples %v, want five", lines)
	}
	for example, n := range lines {
		if n >= 100 {
			t.Errorf("%s has %d lines, want less than 100", example, n)
		}
	}
}
