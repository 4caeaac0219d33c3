package api_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/wire"
)

// chapter is a page's text from one heading to the next of the same rank.
func chapter(t *testing.T, page, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/%s has no chapter %q", page, heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

var quoted = regexp.MustCompile("`([a-z_]+)`")

// A code that can come in an error of the wire stands in the table of its page, and no other does.
func TestThePageOfTheWireHasEveryCode(t *testing.T) {
	var told, want []string
	for row := range strings.Lines(chapter(t, "protocol.md", "Errors")) {
		if first, _, is := strings.Cut(strings.TrimPrefix(row, "| "), " | "); is {
			for _, code := range quoted.FindAllStringSubmatch(first, -1) {
				told = append(told, code[1])
			}
		}
	}
	for _, row := range document(t)["x-codes"].([]any) {
		if o := row.(object); o["frame"] == true {
			want = append(want, o["code"].(string))
		}
	}
	slices.Sort(told)
	slices.Sort(want)
	if !slices.Equal(told, want) {
		t.Errorf("docs/protocol.md has  %v\nthe document has       %v", told, want)
	}
}

// A code with which the gateway closes stands in the table of its page, in the row of its band.
func TestThePageOfTheWireHasEveryClose(t *testing.T) {
	bands := make(map[string]string)
	for row := range strings.Lines(chapter(t, "protocol.md", "The end")) {
		if band, rest, is := strings.Cut(strings.TrimPrefix(row, "| "), " | "); is {
			bands[band] = rest
		}
	}
	for _, row := range wire.Closes {
		band := fmt.Sprint(row.Status/100, "xx")
		if _, there := bands[band]; !there {
			band = "all others"
		}
		if !regexp.MustCompile(fmt.Sprintf(`\b%d\b`, row.Status)).MatchString(bands[band]) {
			t.Errorf("docs/protocol.md does not tell %d %s in the row of %s", row.Status, row.Name, band)
		}
	}
}

// A code that an answer of the HTTP API may have stands in the table of its page, with its status, and no other does.
func TestThePageOfTheHTTPAPIHasEveryCode(t *testing.T) {
	told, want := make(map[string]bool), map[string]bool{"405 method_not_allowed": true} // which stands at no operation
	for _, row := range regexp.MustCompile("(?m)^\\| (\\d{3}) `([a-z_]+)` \\|").FindAllStringSubmatch(chapter(t, "http-api.md", "What they have in common"), -1) {
		told[row[1]+" "+row[2]] = true
	}
	for _, r := range contracted(t).Responses() {
		if r.Operation == "GET /v1/ws" { // has a page of its own
			continue
		}
		for _, code := range r.Codes {
			want[fmt.Sprint(wire.Code(code).Status(), " ", code)] = true
		}
	}
	for row := range want {
		if !told[row] {
			t.Errorf("docs/http-api.md does not tell %s", row)
		}
	}
	for row := range told {
		if !want[row] {
			t.Errorf("docs/http-api.md tells %s, which no answer has", row)
		}
	}
}
