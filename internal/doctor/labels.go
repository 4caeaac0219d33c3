package doctor

import (
	"iter"
	"strings"
)

// labels returns every label of a scrape, as in code="forbidden" (the text format of Prometheus, version 0.0.4).
func labels(scrape string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(scrape) {
			_, rest, ok := strings.Cut(line, "{")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			for rest != "" && rest[0] != '}' {
				end := labelEnd(rest)
				if end < 0 || !yield(rest[:end]) {
					return
				}
				rest = strings.TrimPrefix(rest[end:], ",")
			}
		}
	}
}

// labelEnd is where the first label of text ends: behind the quote that no backslash stands before.
func labelEnd(text string) int {
	open := strings.IndexByte(text, '"')
	if open < 0 {
		return -1
	}
	for i := open + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// namesOne finds a tenant's id in a label: as a whole word of its value, or as its name.
func namesOne(label string, ids map[string]bool) (id string, ok bool) {
	for _, w := range strings.FieldsFunc(label, func(c rune) bool {
		return c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9')
	}) {
		if ids[w] {
			return w, true
		}
	}
	return "", false
}
