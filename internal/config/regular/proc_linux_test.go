package regular_test

import (
	"os"
	"testing"

	"portcullis/internal/config/regular"
)

// A file of the system says that it is empty, and is not.
func TestAFileThatSaysNothingOfItsSize(t *testing.T) {
	const path = "/proc/self/status"
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text, _, err := regular.Read(path, 1<<20); err != nil || len(text) < len(want)/2 {
		t.Errorf("got %d bytes, %v; want about %d", len(text), err, len(want))
	}
}
