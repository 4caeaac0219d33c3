package portcullis_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A reviewer believes docs/mistakes.md and SECURITY.md: a test that they name is there, in the folder that they name.
func TestEveryTestThatTheReviewersPagesNameExists(t *testing.T) {
	named := regexp.MustCompile("`([\\w./]+): ((?:Test|Fuzz)\\w+)`")
	rows := 0
	for _, page := range []string{"docs/mistakes.md", "SECURITY.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			tests := named.FindAllStringSubmatch(line, -1)
			for _, test := range tests {
				if !declares(t, test[1], test[2]) {
					t.Errorf("%s names %s of %s, which is not there: name the test that keeps the promise now", page, test[2], test[1])
				}
			}
			if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| mistake") && page == "docs/mistakes.md" {
				rows++
				if len(tests) == 0 {
					t.Errorf("%s: no test is named for %.80s", page, line)
				}
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d rows were read: the table is another one", rows)
	}
}

func declares(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}
