//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/config"
	"portcullis/internal/listen/authority"
)

// withFiles is a configuration that names a file under every key that there is for one that is read.
const withFiles = `listen: { address: "127.0.0.1:0", client_certificates: request, tls: { certificate_file: tls.pem, key_file: key.pem } }
admin: { address: "127.0.0.1:0", token_file: admin.token }
proxy: { trusted: ["127.0.0.1/32"], authorities_file: proxies.pem }
tenants:
  - id: acme
    issuers: [{ issuer: "https://id.example", audience: acme, jwks_file: jwks.json }]
    certificates: { authorities_file: clients.pem, revocation_lists: [list.crl] }
    webhooks:
      - { url: "https://hooks.example/", events: [connection.opened], secret_file: hook.secret, previous_secret_file: previous.secret, authorities_file: hooks.pem }
`

// Whoever can put a pipe, or a device, in the place of any file that is named has it told, and holds nobody up.
func TestAPipeInThePlaceOfAnyFile(t *testing.T) {
	tests := []struct{ name, key, file string }{
		{"the certificate", "listen.tls.certificate_file", "tls.pem"},
		{"its key", "listen.tls.key_file", "key.pem"},
		{"the administrators' token", "admin.token_file", "admin.token"},
		{"the proxies' authorities", "proxy.authorities_file", "proxies.pem"},
		{"an issuer's keys", "issuers[0].jwks_file", "jwks.json"},
		{"the clients' authorities", "certificates.authorities_file", "clients.pem"},
		{"a list of revoked certificates", "certificates.revocation_lists[0]", "list.crl"},
		{"a webhook's secret", "webhooks[0].secret_file", "hook.secret"},
		{"a webhook's secret before", "webhooks[0].previous_secret_file", "previous.secret"},
		{"a webhook's authorities", "webhooks[0].authorities_file", "hooks.pem"},
		{"the main file", "", "portcullis.yaml"},
	}
	kinds := map[string]func(path string) error{
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a device": func(path string) error { return os.Symlink("/dev/zero", path) },
	}
	for _, tt := range tests {
		for kind, put := range kinds {
			t.Run(tt.name+" is "+kind, func(t *testing.T) {
				t.Parallel()
				folder := t.TempDir()
				for name, text := range map[string]string{"tls.pem": "-----BEGIN ", "list.crl": "", "portcullis.yaml": withFiles} {
					if name == tt.file {
						continue
					}
					if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if tt.file == "list.crl" {
					writeAuthority(t, filepath.Join(folder, "clients.pem"))
				}
				if err := put(filepath.Join(folder, tt.file)); err != nil {
					t.Fatal(err)
				}
				told(t, checked(t, filepath.Join(folder, "portcullis.yaml")), tt.file, tt.key, "it is "+kind+" and no regular file")
			})
		}
	}
}

// checked is what config check says of a file.
func checked(t *testing.T, main string) string {
	t.Helper()
	var out bytes.Buffer
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s := &shell{stdout: &out, stderr: &out}
		_ = s.configCheck(t.Context(), main, true, false)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("config check does not end")
	}
	return out.String()
}

// told finds the line of a file and a key, which says what is wrong and, behind a semicolon, what to do.
func told(t *testing.T, output, file, key, says string) {
	t.Helper()
	for line := range strings.Lines(output) {
		if _, remedy, found := strings.Cut(line, says+"; "); found && remedy != "" && strings.Contains(line, file) && strings.Contains(line, fmt.Sprintf("%s: ", key)) {
			return
		}
	}
	t.Errorf("got %s\nwant a line of %s that says %q and a remedy", output, key, says)
}

func writeAuthority(t *testing.T, path string) {
	t.Helper()
	a, err := authority.New("clients")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, a.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Nobody reads the pipe that the security log should go into: the gateway says so, and does not wait.
func TestASecurityLogThatNobodyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		var c config.Config
		c.Audit.File = config.File(path)
		_, err := auditSink(&c, nil)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "audit.file") {
			t.Errorf("got %v, want an error of audit.file", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for a reader")
	}
}
