package config

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What the starter's files name besides each other, relative to the starter's folder. The caller makes them: this package makes no keys.
const (
	StarterCertificate = "tls.crt"                // PEM, for localhost
	StarterKey         = "tls.key"                // PEM
	StarterJWKS        = "tenants/acme-jwks.json" // the public key that signs development tokens
	StarterIssuer      = "https://id.acme.example"
	StarterAudience    = "portcullis"
)

//go:embed starter
var starter embed.FS

// WriteStarter writes a commented configuration with one tenant into dir, which it makes if need be, and returns the paths of the
// files, the main file first. It never overwrites: when one of them exists it writes nothing and returns an error that names it.
func WriteStarter(dir string) (files []string, err error) {
	names := []string{"portcullis.yaml", "tenants/acme.yaml"}
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Lstat(path); err == nil {
			return nil, fmt.Errorf("write starter: %s exists already; choose another folder or move it away", path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("write starter: %w", err)
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := writeNew(path, "starter/"+name); err != nil {
			return files, fmt.Errorf("write starter: %w", err)
		}
		files = append(files, path)
	}
	return files, nil
}

// writeNew fails when the file has come into being meanwhile.
func writeNew(path, template string) error {
	data, err := starter.ReadFile(template)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
