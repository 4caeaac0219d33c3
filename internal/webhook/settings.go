package webhook

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"portcullis/internal/channel"
	"portcullis/internal/config"
	"portcullis/internal/config/regular"
	"portcullis/internal/tenant"
	"portcullis/internal/webhook/courier"
)

// maxAuthorities is how many bytes a file of authorities may have: more than those of all the world's browsers.
const maxAuthorities = 1 << 20

// Settings are the hooks of all tenants, as a configuration has them.
type Settings struct{ tenants map[tenant.ID][]*setting }

// setting is one hook's part of a configuration. Nobody changes it.
type setting struct {
	url      string
	place    string // in the tenant's file, for the log
	kinds    []Kind
	channels []channel.Pattern // none is all
	payload  bool
	courier  *courier.Courier
}

// Read reads the hooks of a configuration, and the files that they name. It connects to nobody. Without an error among the problems there are settings.
func Read(c *config.Config) (*Settings, []config.Problem) {
	s := &Settings{tenants: make(map[tenant.ID][]*setting)}
	var problems []config.Problem
	for i := range c.Tenants {
		t := &c.Tenants[i]
		id, err := tenant.Parse(t.ID)
		if err != nil {
			continue // told of where the tenants are built
		}
		for j := range t.Webhooks {
			path := fmt.Sprintf("webhooks[%d]", j)
			one, more := read(t, path, &t.Webhooks[j])
			problems = append(problems, more...)
			s.tenants[id] = append(s.tenants[id], one)
		}
	}
	if config.Failed(problems) {
		return nil, problems
	}
	return s, problems
}

func read(t *config.Tenant, path string, w *config.Webhook) (s *setting, problems []config.Problem) {
	fail := func(key string, err error) { problems = append(problems, t.Problem(path+"."+key, "%v", err)) }
	s = &setting{url: w.URL, place: path, payload: w.Payload}
	to := courier.Config{URL: w.URL, Timeout: time.Duration(w.Timeout)}
	for _, e := range w.Events {
		s.kinds = append(s.kinds, Kind(e))
	}
	for i, text := range w.Channels {
		p, err := channel.ParsePattern(text)
		if err != nil {
			fail(fmt.Sprintf("channels[%d]", i), err)
		}
		s.channels = append(s.channels, p)
	}
	for _, f := range []struct {
		key  string
		file config.File
	}{{"secret_file", w.SecretFile}, {"previous_secret_file", w.PreviousSecretFile}} {
		if f.file == "" {
			continue
		}
		key, err := config.ReadSigningKey(f.file)
		if err != nil {
			fail(f.key, err)
		}
		to.Keys = append(to.Keys, key)
	}
	var err error
	if to.Roots, err = authorities(string(w.AuthoritiesFile)); err != nil {
		fail("authorities_file", err)
	}
	if s.courier, err = courier.New(to); err != nil {
		fail("url", err)
	}
	return s, problems
}

// authorities reads a file of them; without one there is nil, which are the system's. An empty file is an error for that reason.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, _, err := regular.Read(file, maxAuthorities)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w; name a PEM file that the gateway may read", file, errors.Unwrap(err))
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate; put in the PEM of the authority that signed the receiver's", file)
	}
	return roots, nil
}

// wants reports whether a hook is told of a channel; the zero Name is none.
func (s *setting) wants(name channel.Name) bool {
	if len(s.channels) == 0 || name.IsZero() {
		return true
	}
	for _, p := range s.channels {
		if p.Match(name) {
			return true
		}
	}
	return false
}
