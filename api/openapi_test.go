package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/contract"
	"portcullis/internal/wire"
)

func contracted(t *testing.T) *contract.Document {
	t.Helper()
	d, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheCodesOfProblemsAreThoseOfTheWire(t *testing.T) {
	d := contracted(t)
	var want []string
	for _, row := range wire.Codes {
		want = append(want, string(row.Code))
	}
	if got := d.Codes(); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A code stands at its own status. Only a body of the wrong type has a status for which there is no code.
func TestEveryCodeOfAResponseHasItsStatus(t *testing.T) {
	answers := 0
	for _, r := range contracted(t).Responses() {
		for _, code := range r.Codes {
			answers++
			got := wire.Code(code).Status()
			if !slices.ContainsFunc(wire.Codes, func(row struct {
				Code    wire.Code
				Status  int
				Meaning string
			}) bool {
				return string(row.Code) == code
			}) {
				t.Errorf("%s %d: the code %s does not exist", r.Operation, r.Status, code)
			} else if got != r.Status && (r.Status != http.StatusUnsupportedMediaType || wire.Code(code) != wire.BadRequest) {
				t.Errorf("%s %d: %s is told with %d", r.Operation, r.Status, code, got)
			}
		}
		if problem := slices.Contains(r.Media, "application/problem+json"); problem != (len(r.Codes) > 0) {
			t.Errorf("%s %d: it has the codes %v, and the media types %v", r.Operation, r.Status, r.Codes, r.Media)
		}
	}
	if answers == 0 {
		t.Error("no response has a code")
	}
}

func TestEveryExampleOfTheHTTPAPIFitsItsSchema(t *testing.T) {
	d := contracted(t)
	examples := d.Examples()
	for _, e := range examples {
		if err := d.Fits(e.Schema, e.Value); err != nil {
			t.Errorf("%s: %v", e.Schema, err)
		}
	}
	if len(examples) < 20 {
		t.Errorf("got %d examples, want at least one of each body", len(examples))
	}
}

// Every body of an operation that is told has an example, so that a newcomer sees one. Problems and texts look alike everywhere.
func TestEveryBodyHasAnExample(t *testing.T) {
	d := contracted(t)
	shown := make(map[string]bool)
	for _, e := range d.Examples() {
		shown[e.Schema] = true
	}
	for _, r := range d.Responses() {
		for _, media := range r.Media {
			if media != "application/json" || strings.HasSuffix(r.Operation, "api.json") {
				continue
			}
			if at := fmt.Sprintf("%s/content/application~1json/schema", r.At); !shown[at] {
				t.Errorf("%s %d has no example", r.Operation, r.Status)
			}
		}
	}
}
