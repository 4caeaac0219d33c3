package config

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// File is the path of a file or folder. What a configuration file writes relatively is relative to that file's own folder,
// and stands here already joined to it.
type File string

// Prefix is a range of addresses, or one address, in its canonical form.
type Prefix string

// UnmarshalText reads an address, or a range of them whose bits behind the prefix are zero.
func (p *Prefix) UnmarshalText(text []byte) error {
	s := string(text)
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		*p = Prefix(netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()).String())
		return nil
	}
	parsed, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return fmt.Errorf(`%q is no address and no range of addresses; write it like "10.0.0.0/8" or "192.0.2.7"`, s)
	case parsed != parsed.Masked():
		return fmt.Errorf("%q has bits behind its prefix; write %v, or one address without a prefix", s, parsed.Masked())
	case parsed.Bits() == 0:
		return fmt.Errorf("%q is everybody; whoever is trusted can be any client, so name the proxies alone", s)
	case parsed.Addr().Is4In6():
		return fmt.Errorf("%q is an IPv4 range written as IPv6; write it as IPv4", s)
	}
	*p = Prefix(parsed.String())
	return nil
}

// Range returns the addresses. The zero Prefix has none.
func (p Prefix) Range() netip.Prefix {
	parsed, _ := netip.ParsePrefix(string(p))
	return parsed
}

// Version is a TLS version, 1.2 or 1.3, written with or without quotes.
type Version string

// UnmarshalText takes the version as it is written; the enum of its field says which ones there are.
func (v *Version) UnmarshalText(text []byte) error {
	*v = Version(text)
	return nil
}

// Duration is a length of time, written like 30s, 10m or 1h30m. A number without a unit is refused, because it could be any.
type Duration time.Duration

// UnmarshalText reads what Go's ParseDuration reads, without a sign.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if _, err := strconv.ParseFloat(s, 64); err == nil && s != "0" {
		return fmt.Errorf(`%s has no unit; write it like "30s", "10m" or "24h"`, s)
	}
	parsed, err := time.ParseDuration(s)
	if err != nil || s[0] == '-' || s[0] == '+' {
		return fmt.Errorf(`%q is no duration; write it like "30s", "10m" or "24h"`, s)
	}
	*d = Duration(parsed)
	return nil
}

// String writes the duration as an operator would.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if short, ok := strings.CutSuffix(s, "m0s"); ok {
		s = short + "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}

// minLifetime keeps clients from being sent around in circles.
const minLifetime = Lifetime(time.Minute)

// Lifetime is a [Duration] of at least a minute, or the word unlimited, which is [Unlimited].
type Lifetime time.Duration

// UnmarshalText reads a duration, or unlimited.
func (l *Lifetime) UnmarshalText(text []byte) error {
	if string(text) == "unlimited" {
		*l = Unlimited
		return nil
	}
	var d Duration
	if err := d.UnmarshalText(text); err != nil {
		return fmt.Errorf("%w, or unlimited", err)
	}
	if Lifetime(d) < minLifetime {
		return fmt.Errorf("%q is too short; write at least %v, or unlimited", text, Duration(minLifetime))
	}
	*l = Lifetime(d)
	return nil
}

// String writes the lifetime as an operator would.
func (l Lifetime) String() string {
	if l == Unlimited {
		return "unlimited"
	}
	return Duration(l).String()
}

// Size is a number of bytes, written like 65536, 64KiB, 1MiB or 1GiB.
type Size int

// units of sizes, the largest first.
var units = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads whole bytes or a binary unit. Decimal units are refused: who writes KB means sometimes 1000 and sometimes 1024.
func (z *Size) UnmarshalText(text []byte) error {
	s := string(text)
	n, factor, ok := amount(s)
	if !ok || n > math.MaxInt32/factor {
		return fmt.Errorf(`%q is no size; write whole bytes or a binary unit below 2GiB, like 65536, "64KiB" or "1MiB"`, s)
	}
	*z = Size(n * factor)
	return nil
}

// amount reads how many there are of a unit, and how many bytes that has.
func amount(s string) (n, factor int, ok bool) {
	number, factor := s, 1
	for _, u := range units {
		if cut, ok := strings.CutSuffix(s, u.name); ok {
			number, factor = cut, u.bytes
		}
	}
	n, ok = count(number)
	return n, factor, ok
}

// String writes the size in the largest unit that divides it.
func (z Size) String() string { return inUnits(int64(z)) }

func inUnits(bytes int64) string {
	for _, u := range units {
		if unit := int64(u.bytes); bytes != 0 && bytes%unit == 0 {
			return strconv.FormatInt(bytes/unit, 10) + u.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}

// Unlimited is the value of a limit that a file calls unlimited.
const Unlimited = 0

// maxLimit keeps twice a rate inside an int of 32 bits.
const maxLimit = 1_000_000_000

// Limit is how many there may be, or the word unlimited, which is [Unlimited].
type Limit int

// UnmarshalText reads a number from 1 to a thousand million, or unlimited.
func (l *Limit) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "unlimited" {
		*l = Unlimited
		return nil
	}
	n, ok := count(s)
	if !ok || n < 1 || n > maxLimit {
		return fmt.Errorf("%q is no limit; write a whole number from 1 to %d, or unlimited", s, maxLimit)
	}
	*l = Limit(n)
	return nil
}

// String writes the limit as an operator would.
func (l Limit) String() string {
	if l == Unlimited {
		return "unlimited"
	}
	return strconv.Itoa(int(l))
}

// Count is how many there are of something that there is always some of.
type Count int

// UnmarshalText reads a whole number of at least 1.
func (c *Count) UnmarshalText(text []byte) error {
	n, ok := count(string(text))
	if !ok || n < 1 {
		return fmt.Errorf("%q is no number of things; write a whole number of at least 1", text)
	}
	*c = Count(n)
	return nil
}

// ByteLimit is a [Size], or the word unlimited, which is [Unlimited].
type ByteLimit int

// UnmarshalText reads a size of at least one byte, or unlimited.
func (l *ByteLimit) UnmarshalText(text []byte) error {
	if string(text) == "unlimited" {
		*l = Unlimited
		return nil
	}
	var size Size
	if err := size.UnmarshalText(text); err != nil {
		return fmt.Errorf("%w, or unlimited", err)
	}
	if size < 1 || size > maxLimit {
		return fmt.Errorf("%q is no limit; write a size from 1 byte to %d bytes, or unlimited", text, maxLimit)
	}
	*l = ByteLimit(size)
	return nil
}

// Memory is how many bytes a node may use, which may be more than a [Size], or the word unlimited, which is [Unlimited].
type Memory int64

// UnmarshalText reads whole bytes or a binary unit, at least one byte, or unlimited.
func (m *Memory) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "unlimited" {
		*m = Unlimited
		return nil
	}
	n, factor, ok := amount(s)
	if !ok || n < 1 {
		return fmt.Errorf(`%q is no memory; write whole bytes or a binary unit, like "256MiB" or "4GiB", or unlimited`, s)
	}
	*m = Memory(int64(n) * int64(factor))
	return nil
}

// String writes the memory as an operator would.
func (m Memory) String() string {
	if m == Unlimited {
		return "unlimited"
	}
	return inUnits(int64(m))
}

// count reads a whole number without a sign, underscores or another base.
func count(s string) (int, bool) {
	if s == "" || len(s) > 10 || strings.Trim(s, "0123456789") != "" || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return int(n), err == nil && n <= math.MaxInt32
}
