package node

import (
	"crypto/x509"
	"time"

	"portcullis/internal/auth/mtls"
	"portcullis/internal/auth/proxy"
	"portcullis/internal/config"
)

// Trust makes of a configuration what decides on what is believed of proxies. It reads the file of their authorities. Without an error among the problems there is a trust.
func Trust(c *config.Config) (*proxy.Trust, []config.Problem) {
	p := proxy.Config{Header: proxy.Header(c.Proxy.ClientCertificateHeader)}
	for _, prefix := range c.Proxy.Trusted {
		p.Trusted = append(p.Trusted, prefix.Range())
	}
	if file := c.Proxy.AuthoritiesFile; file != "" {
		certs, err := mtls.LoadAuthorities(string(file), time.Now())
		if err != nil {
			return nil, []config.Problem{c.Problem("proxy.authorities_file", "%v", err)}
		}
		if problem, taken := taken(c, certs); taken {
			return nil, []config.Problem{problem}
		}
		p.Authorities = x509.NewCertPool()
		for _, cert := range certs {
			p.Authorities.AddCert(cert)
		}
	}
	t, err := proxy.New(p)
	if err != nil {
		return nil, []config.Problem{c.Problem("proxy", "%v", err)}
	}
	return t, nil
}

// taken finds a tenant whose clients could pass for proxies, and forward whomever they like: one whose authority is a proxies' authority too, or was issued by one. A file that cannot
// be read is told of where the tenants are built.
func taken(c *config.Config, proxies []*x509.Certificate) (config.Problem, bool) {
	for _, t := range c.Tenants {
		if t.Certificates == nil {
			continue
		}
		clients, err := mtls.LoadAuthorities(string(t.Certificates.AuthoritiesFile), time.Now())
		if err != nil {
			continue
		}
		if both := mtls.Issued(proxies, clients); both != nil {
			return c.Problem("proxy.authorities_file", "the authority %q of tenant %s is one of the proxies', or was issued by one: the tenant's clients could pass for proxies, and "+
				"forward anybody's certificate; give the proxies an authority of their own", both.Subject, t.ID), true
		}
	}
	return config.Problem{}, false
}
