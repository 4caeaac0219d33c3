//go:build race

package hub_test

// raced says that the tests run under the race detector, which says nothing about times.
const raced = true
