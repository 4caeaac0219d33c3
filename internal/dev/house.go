package dev

import (
	"embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"portcullis/internal/config"
	"portcullis/internal/listen/authority"
)

//go:embed folder
var written embed.FS

// house is everything that is thrown away at the end: a folder with a configuration as operators write it, and the keys that are in it.
type house struct {
	dir       string
	main      string // the main file
	ca        *authority.Authority
	caFile    string
	demoToken string // its file
	acme      *team
	globex    *team
}

// build makes the house. Nobody but the user can look into it. remove must be called, also after an error.
func build(a addresses) (h *house, err error) {
	dir, err := os.MkdirTemp("", "portcullis-dev-") // 0700
	if err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	h = &house{dir: dir, main: filepath.Join(dir, "portcullis.yaml"), caFile: filepath.Join(dir, "ca.pem")}
	for _, step := range []func(addresses) error{h.writeConfiguration, h.issueServer, h.foundTeams} {
		if err := step(a); err != nil {
			return h, fmt.Errorf("furnish %s: %w", dir, err)
		}
	}
	return h, nil
}

func (h *house) remove() error {
	if h == nil {
		return nil
	}
	return os.RemoveAll(h.dir)
}

// write puts a file into the house, readable for its owner alone.
func (h *house) write(name string, data []byte) (path string, err error) {
	path = filepath.Join(h.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, data, 0o600)
}

func (h *house) writeConfiguration(a addresses) error {
	fill := strings.NewReplacer("LISTEN_ADDRESS", a.tls.text, "ADMIN_ADDRESS", a.admin.text)
	for _, name := range []string{"portcullis.yaml", "tenants/acme.yaml", "tenants/globex.yaml"} {
		data, err := written.ReadFile("folder/" + name)
		if err != nil {
			return err
		}
		if _, err := h.write(name, []byte(fill.Replace(string(data)))); err != nil {
			return err
		}
	}
	return nil
}

// issueServer makes the gateway's certificate and the authority that clients trust.
func (h *house) issueServer(a addresses) (err error) {
	if h.ca, err = authority.New("portcullis dev, thrown away at its end"); err != nil {
		return err
	}
	leaf := authority.Leaf{
		Name: "localhost", DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, Server: true,
	}
	if ip := net.ParseIP(a.tls.host); ip != nil {
		leaf.IPs = append(leaf.IPs, ip)
	}
	pair, err := h.ca.Issue(leaf)
	if err != nil {
		return err
	}
	if _, err = h.write("ca.pem", h.ca.PEM()); err != nil {
		return err
	}
	return h.writePair("tls", pair)
}

func (h *house) writePair(name string, p *authority.Pair) error {
	if _, err := h.write(name+".crt", p.Certificate); err != nil {
		return err
	}
	_, err := h.write(name+".key", p.Key)
	return err
}

// load reads the configuration as serve would.
func (h *house) load() (*config.Config, error) {
	c, problems := config.Load(h.main)
	return c, refusal(problems)
}

// refusal is an error where one of the problems is.
func refusal(problems []config.Problem) error {
	if !config.Failed(problems) {
		return nil
	}
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.String()
	}
	return fmt.Errorf("load the configuration: %s", strings.Join(lines, "\n"))
}
