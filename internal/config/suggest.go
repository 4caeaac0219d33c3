package config

import (
	"fmt"
	"strings"
)

// nearest returns the word that s was most likely meant to be, or "" when none is near.
func nearest(s string, words []string) string {
	best, distance := "", 1+max(1, len(s)/3)
	for _, w := range words {
		if d := edits(strings.ToLower(s), strings.ToLower(w)); d < distance {
			best, distance = w, d
		}
	}
	return best
}

// unknown says that a key does not exist, and which do.
func unknown(key string, keys []string) string {
	if near := nearest(key, keys); near != "" {
		return fmt.Sprintf("unknown key %q; did you mean %q?", key, near)
	}
	return fmt.Sprintf("unknown key %q; remove it, known here are %s", key, strings.Join(keys, ", "))
}

// edits counts the letters to insert, delete, replace, or swap with their neighbour, that make b out of a.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
