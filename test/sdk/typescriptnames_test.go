package sdk_test

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	exported   = regexp.MustCompile(`(?s)export (?:type )?\{([^}]*)\} from`)
	shape      = regexp.MustCompile(`(?ms)^export (?:interface|class) (\w+)[^\n]*\{\n(.*?)^\}`)
	internal   = regexp.MustCompile(`(?s)/\*\* @internal \*/\n.*?\n`)
	ofShape    = regexp.MustCompile(`(?m)^  (?:static |async |get |override |readonly )*(\w+)\??[(:]|^    readonly (\w+)\??[:=]|^    readonly (\w+) = `)
	literal    = regexp.MustCompile(`(?m)^(?:export type \w+ =|  \|| +kind:| +phase:).*$`)
	quotedText = regexp.MustCompile(`"[a-z_ ]+"`)
)

// typescriptNames are what an entry exports: its types and functions, their members, and the texts of its closed sets.
func typescriptNames(t *testing.T, folder string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	index, err := os.ReadFile(filepath.Join(folder, "index.ts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range exported.FindAllStringSubmatch(string(index), -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			names[strings.TrimPrefix(strings.TrimSpace(name), "type ")] = true
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.ts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shown := internal.ReplaceAllString(string(text), "")
		for _, m := range shape.FindAllStringSubmatch(shown, -1) {
			if !names[m[1]] {
				continue
			}
			for _, member := range ofShape.FindAllStringSubmatch(m[2], -1) {
				if name := cmp.Or(member[1:]...); name != "constructor" && name != "for" {
					names[m[1]+"."+name] = true
				}
			}
		}
		for _, line := range literal.FindAllString(shown, -1) {
			for _, text := range quotedText.FindAllString(line, -1) {
				names[text] = true
			}
		}
	}
	return names
}
