//go:build !linux

package blackbox_test

// flooding is for machines that can keep a flooder off a core.
func flooding() {}

// attacking is for the same machines.
func attacking() {}
