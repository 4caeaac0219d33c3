// Package house furnishes the folder of a development gateway: a configuration as operators write it, with two tenants, and all the keys,
// certificates and authorities around it. Nothing in it is worth keeping.
package house

import (
	"crypto/x509"
	"embed"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"portcullis/internal/listen/authority"
)

//go:embed folder
var written embed.FS

// House is the folder, and the keys whose public halves lie in it. It does not change once it is built.
type House struct {
	Dir    string
	Main   string // the configuration's main file
	CAFile string // PEM, the authority of the gateway's certificate

	Acme, Globex *Team

	ca *authority.Authority
}

// Build furnishes a new folder, into which nobody but the user can look, for a gateway with these addresses, to which pages of these
// origins may connect. Remove must be called, after an error too.
func Build(tls, admin string, origins []string) (h *House, err error) {
	dir, err := os.MkdirTemp("", "portcullis-dev-") // 0700
	if err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	h = &House{Dir: dir, Main: filepath.Join(dir, "portcullis.yaml")}
	if err = h.writeConfiguration(tls, admin, origins); err == nil {
		err = h.issueServer(tls)
	}
	if err == nil {
		err = h.foundTeams()
	}
	if err != nil {
		return h, fmt.Errorf("furnish %s: %w", dir, err)
	}
	return h, nil
}

// Remove removes the folder. There may be none.
func (h *House) Remove() error {
	if h == nil {
		return nil
	}
	return os.RemoveAll(h.Dir)
}

// Roots trusts the gateway's certificate.
func (h *House) Roots() *x509.CertPool { return h.ca.Pool() }

// Write puts a file into the house, readable for its owner alone.
func (h *House) Write(name string, data []byte) (path string, err error) {
	path = filepath.Join(h.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, data, 0o600)
}

func (h *House) writeConfiguration(tls, admin string, origins []string) error {
	fill := strings.NewReplacer("LISTEN_ADDRESS", tls, "ADMIN_ADDRESS", admin, "PAGE_ORIGINS", `"`+strings.Join(origins, `", "`)+`"`)
	for _, name := range []string{"portcullis.yaml", "tenants/acme.yaml", "tenants/globex.yaml"} {
		data, err := written.ReadFile("folder/" + name)
		if err != nil {
			return err
		}
		if _, err := h.Write(name, []byte(fill.Replace(string(data)))); err != nil {
			return err
		}
	}
	return nil
}

// issueServer makes the gateway's certificate and the authority that clients trust.
func (h *House) issueServer(address string) (err error) {
	if h.ca, err = authority.New("portcullis dev, thrown away at its end"); err != nil {
		return err
	}
	leaf := authority.Leaf{
		Name: "localhost", DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, Server: true,
	}
	if at, err := netip.ParseAddrPort(address); err == nil {
		ip := net.IP(at.Addr().AsSlice())
		leaf.IPs = append(leaf.IPs, ip)
	}
	pair, err := h.ca.Issue(leaf)
	if err != nil {
		return err
	}
	if h.CAFile, err = h.Write("ca.pem", h.ca.PEM()); err != nil {
		return err
	}
	return h.WritePair("tls", pair)
}

// WritePair puts a certificate and its key into the house, as name.crt and name.key.
func (h *House) WritePair(name string, p *authority.Pair) error {
	if _, err := h.Write(name+".crt", p.Certificate); err != nil {
		return err
	}
	_, err := h.Write(name+".key", p.Key)
	return err
}
