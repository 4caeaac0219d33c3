package api_test

import (
	"strings"
	"testing"

	"portcullis/internal/gateway/api"
)

func TestValues(t *testing.T) {
	for text, want := range map[string]int{
		`[]`: 0, ` [ 1 , "a" ,{"b":[1]}] `: 3, `[1,2,3,4]`: 4, `[1,2,3,4,5]`: 4,
		``: -1, `null`: -1, `{}`: -1, `1`: -1, `[1`: -1, `[1,]`: -1, `[1 2]`: -1, `[1]2`: -1, `[1]]`: -1, `[1}`: -1,
	} {
		list, ok := api.Values([]byte(text), 3)
		if ok != (want >= 0) || ok && len(list) != want {
			t.Errorf("%q: got %q, %v; want %d", text, list, ok, want)
		}
	}
}

// An attacker sends a list of half a million values where a hundred are allowed. Nobody reads it to its end.
func TestAListOfHalfAMillionValues(t *testing.T) {
	text := []byte("[" + strings.Repeat("1,", 1<<19) + "1]")
	n := testing.AllocsPerRun(3, func() {
		if list, ok := api.Values(text, 100); !ok || len(list) != 101 {
			t.Errorf("got %d, %v, want 101", len(list), ok)
		}
	})
	if n > 2000 {
		t.Errorf("%v allocations for a list that is refused", n)
	}
}
