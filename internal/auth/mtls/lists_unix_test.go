//go:build unix

package mtls_test

import (
	"crypto/x509"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"portcullis/internal/auth/mtls/crl"
)

// Opening a pipe would wait for somebody who writes into it.
func TestFilesThatAreNone(t *testing.T) {
	ours := root(t, "ours")
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for file, want := range map[string]string{
		filepath.Join(dir, "none.crl"): "no such file or directory; name a PEM or DER file",
		dir:                            "is a directory; name a PEM or DER file",
		pipe:                           "no regular file; name a PEM or DER file",
	} {
		_, err := crl.Load([]string{file}, []*x509.Certificate{ours.cert}, noon)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("got %v, want it to say %q of %s", err, want, file)
		}
	}
}
