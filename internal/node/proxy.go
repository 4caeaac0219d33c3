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
