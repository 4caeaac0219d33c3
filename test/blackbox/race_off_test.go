//go:build !race

package blackbox_test

// raced says that the suite runs under the race detector; the program is then built with it too.
const raced = false
