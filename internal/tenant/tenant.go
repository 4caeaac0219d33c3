// Package tenant names the customers that share one gateway and must never see each other.
package tenant

import "fmt"

// MaxLen is the longest tenant id in bytes, the length of a DNS label (RFC 1035, section 2.3.4).
const MaxLen = 63

// ID names a tenant. It is made by [Parse] alone, so that no string taken from a client becomes one by conversion.
// Its zero value is no tenant.
type ID struct{ name string }

// Parse reads a tenant id: 1 to [MaxLen] of a-z, 0-9 and -, the first a letter or digit.
func Parse(s string) (ID, error) {
	if s == "" || len(s) > MaxLen {
		return ID{}, fmt.Errorf("tenant id %q has %d bytes; it must have 1 to %d", s, len(s), MaxLen)
	}
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '-' || i == 0) {
			return ID{}, fmt.Errorf("tenant id %q has %q at byte %d; use a-z, 0-9 and -, the first a letter or digit", s, c, i)
		}
	}
	return ID{s}, nil
}

// MustParse is [Parse] for ids that stand in the source. It panics on a malformed one.
func MustParse(s string) ID {
	id, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return id
}

// String returns the id as it stands in configuration and logs.
func (id ID) String() string { return id.name }

// IsZero reports whether id names no tenant.
func (id ID) IsZero() bool { return id.name == "" }
