package config

// checkProxy makes sure that whatever is believed of a proxy can be believed: an address alone is not enough for somebody's certificate.
func (c *Config) checkProxy(add func(Problem)) {
	p := c.Proxy
	if p.Protocol != "none" && len(p.Trusted) == 0 {
		add(c.Problem("proxy.protocol", "%s needs trusted; name the addresses of the proxies, or every connection is closed", p.Protocol))
	}
	if p.ClientCertificateHeader == "none" {
		if c.has("proxy.authorities_file") {
			add(c.Problem("proxy.authorities_file", "is for client_certificate_header, which is none; choose a header, or remove it"))
		}
		return
	}
	const path = "proxy.client_certificate_header"
	if len(p.Trusted) == 0 {
		add(c.Problem(path, "%s needs trusted; name the addresses of the proxies", p.ClientCertificateHeader))
	}
	if p.AuthoritiesFile == "" {
		add(c.Problem(path, "%s needs authorities_file; a forwarded certificate is believed only from a proxy that shows its own", p.ClientCertificateHeader))
	}
	switch {
	case c.Listen.TLS == nil:
		add(c.Problem(path, "%s needs listen.tls; over plaintext no proxy can show its certificate", p.ClientCertificateHeader))
	case c.Listen.ClientCertificates == "none":
		add(c.Problem(path, "%s needs listen.client_certificates; make it request or require, so that proxies are asked for their certificate", p.ClientCertificateHeader))
	}
}
