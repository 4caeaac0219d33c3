//go:build race

package acl_test

const raced = true // with the race detector everything takes ten times as long
