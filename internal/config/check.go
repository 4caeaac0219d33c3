package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// check finds what is wrong with the main file beyond single values. What the decoder already refused is not told again.
func (c *Config) check() (problems []Problem) {
	add := func(p Problem) { problems = append(problems, p) }
	c.checkListen(add)
	c.checkProxy(add)
	c.checkAdmin(add)
	if need := c.Drain.Delay + handshakes; c.Drain.Grace < need {
		add(c.Problem("drain.grace", "%v does not hold the delay of %v and %v for the close handshakes; make grace at least %v",
			c.Drain.Grace, c.Drain.Delay, handshakes, need))
	}
	if m := c.Limits.OutboxPerNode; m != Unlimited && m < leastOutbox {
		add(c.Problem("limits.outbox_per_node", "%v is less than %v, which one slow client may use; make it larger", m, Memory(leastOutbox)))
	}
	switch inline, dir := c.has("tenants"), c.has("tenants_dir"); {
	case inline && dir:
		add(c.Problem("tenants_dir", "excludes tenants; keep one of the two"))
	case !inline && !dir:
		add(c.Problem("", "there is no tenant; give tenants_dir, a folder with a file for each, or tenants, a list"))
	}
	return problems
}

// handshakes is what a dead peer may cost at the end: the close handshake of the WebSocket library.
const handshakes = Duration(10e9)

func (c *Config) checkListen(add func(Problem)) {
	if _, _, err := splitAddress(c.Listen.Address); err != nil {
		add(c.Problem("listen.address", "%v", err))
	}
	switch hasTLS := c.has("listen.tls"); {
	case hasTLS && c.Listen.Plaintext:
		add(c.Problem("listen.plaintext", "excludes tls; remove plaintext to serve TLS, or tls where a balancer ends it"))
	case !hasTLS && !c.Listen.Plaintext:
		add(c.Problem("listen", "needs tls with certificate_file and key_file, or plaintext: true behind a balancer that ends TLS"))
	case !hasTLS && c.Listen.ClientCertificates != "none":
		add(c.Problem("listen.client_certificates", "%s needs tls; without TLS nobody can show a certificate", c.Listen.ClientCertificates))
	}
	if tls := c.Listen.TLS; tls != nil && tls.MinVersion == "1.2" {
		add(c.Warning("listen.tls.min_version", "1.2 is weaker than the default; go back to 1.3 when no client needs it any more"))
	}
	c.checkNames(add)
}

// checkNames finds names that no client's address would ever equal.
func (c *Config) checkNames(add func(Problem)) {
	seen := make(map[string]bool)
	for i, name := range c.Listen.Names {
		if name == "" {
			continue
		}
		path := fmt.Sprintf("listen.names[%d]", i)
		host, port := name, ""
		if at := strings.LastIndexByte(name, ':'); at >= 0 && !strings.HasSuffix(name, "]") {
			host, port = name[:at], name[at+1:]
		}
		switch n, err := strconv.ParseUint(port, 10, 16); {
		case !hostInURL(host) || host != name && (err != nil || n == 0 || strconv.FormatUint(n, 10) != port):
			add(c.Problem(path, "%q is no host as addresses have it; write it in lower case, without scheme, path or wildcard, like gw.example, gw.example:8443 or [::1]:8443", name))
		case port == "443" || port == "80":
			add(c.Problem(path, "%q has the port that an address does not need; write %q", name, host))
		}
		if seen[name] {
			add(c.Problem(path, "%q is there twice; remove one of the two", name))
		}
		seen[name] = true
	}
}

func (c *Config) checkAdmin(add func(Problem)) {
	host, port, err := splitAddress(c.Admin.Address)
	if err != nil {
		add(c.Problem("admin.address", "%v", err))
		return
	}
	if !loopback(host) && !c.has("admin.token_file") {
		add(c.Problem("admin.address", "%s can be reached from other machines; give token_file, or listen on 127.0.0.1", c.Admin.Address))
	}
	if wildcard(host) && !c.has("admin.names") {
		add(c.Warning("admin.names", "is missing: of requests that come over the network, only those for localhost are answered; "+
			"name the hosts by which %s is asked", c.Admin.Address))
	}
	edge, edgePort, err := splitAddress(c.Listen.Address)
	if err == nil && port == edgePort && port != "0" && (host == edge || wildcard(host) || wildcard(edge)) {
		add(c.Problem("admin.address", "%s is the address of the clients' listener too; take another port", c.Admin.Address))
	}
	seen := make(map[string]bool)
	for i, name := range c.Admin.Names {
		path := fmt.Sprintf("admin.names[%d]", i)
		if name == "" {
			continue
		}
		if _, err := netip.ParseAddr(name); err != nil && !hostName(name) {
			add(c.Problem(path, "%q is no host name; write it in lower case, without scheme, port or wildcard, like admin.example", name))
		}
		if seen[name] {
			add(c.Problem(path, "%q is there twice; remove one of the two", name))
		}
		seen[name] = true
	}
}

// splitAddress takes apart what a listener can listen on.
func splitAddress(address string) (host, port string, err error) {
	const form = `write host:port like "127.0.0.1:8443", or ":8443" for every address`
	host, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("%q is no address; %s", address, form)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", "", fmt.Errorf("%q has no port from 0 to 65535; %s", address, form)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !hostName(strings.ToLower(host)) {
		return "", "", fmt.Errorf("%q has no host that can be listened on; %s", address, form)
	}
	return host, port, nil
}

// hostInURL reports whether s is the host of an address (RFC 3986, section 3.2.2), in the one form that programs write.
func hostInURL(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && ip.Zone() == "" && ip.String() == inner
	}
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is4() || hostName(s)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func wildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// hostName reports whether s is a DNS name in lower case (RFC 1123, section 2.1; underscores because containers have them). A name
// whose last label is a number would be read as an address by browsers.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}
