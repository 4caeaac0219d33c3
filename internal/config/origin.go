package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// defaultPorts are the ports that browsers leave out (URL standard, special schemes).
var defaultPorts = map[string]string{"http": "80", "https": "443"}

func (t *Tenant) checkOrigins(add func(Problem)) {
	seen := make(map[string]bool)
	for i, origin := range t.Origins {
		path := fmt.Sprintf("origins[%d]", i)
		if origin == "" {
			continue
		}
		if err := checkOrigin(origin); err != nil {
			add(t.Problem(path, "%v", err))
		}
		if seen[origin] {
			add(t.Problem(path, "%q is there twice; remove one of the two", origin))
		}
		seen[origin] = true
	}
}

// checkOrigin says why s is not what a browser would send as Origin (RFC 6454, section 6.1), and what it would send instead.
func checkOrigin(s string) error {
	switch {
	case s == "null":
		return errors.New(`"null" is the origin of every sandboxed page and local file; give the page an origin of its own and name that`)
	case s == "*":
		return errors.New(`"*" would let every web page use its visitor's credentials; name each origin`)
	case strings.Contains(s, "*"):
		return fmt.Errorf("%q has a wildcard, and origins are compared exactly; name each origin", s)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Hostname() == "" {
		return fmt.Errorf("%q is no origin; write scheme://host, like https://app.example", s)
	}
	if scheme := strings.ToLower(u.Scheme); scheme == "ws" || scheme == "wss" {
		return fmt.Errorf("%q is the address of a socket; an origin is that of the page, http or https", s)
	}
	host := strings.ToLower(u.Hostname())
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		host = ip.String()
		if ip.Is6() {
			host = "[" + host + "]"
		}
	} else if !hostName(host) {
		return fmt.Errorf("%q has a host that no browser would send; write it in ASCII (xn-- for others), like https://app.example", s)
	}
	want := strings.ToLower(u.Scheme) + "://" + host
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("%q has no port from 1 to 65535", s)
		}
		if port = strconv.FormatUint(n, 10); port != defaultPorts[strings.ToLower(u.Scheme)] {
			want += ":" + port
		}
	}
	if s != want {
		return fmt.Errorf("%q is not how a browser writes it (lower case, no user, no path, no port that is the scheme's own); write %q", s, want)
	}
	return nil
}
