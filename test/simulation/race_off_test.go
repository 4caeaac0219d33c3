//go:build !race

package simulation_test

// raced says whether the race detector looks.
const raced = false
