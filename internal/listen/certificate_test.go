package listen_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/listen"
	"portcullis/internal/listen/authority"
)

func TestANewCertificateIsServedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, nil)
		second := server("second")
		second.NotAfter = time.Now().Add(48 * time.Hour)
		time.Sleep(time.Minute)
		e.serves(t) // this handshake looked
		e.put(t, issue(t, e.authority, second))
		time.Sleep(time.Second - time.Nanosecond)
		if got := e.serves(t); got != "first" {
			t.Errorf("before a second was over: got %s, want first", got)
		}
		time.Sleep(time.Nanosecond)
		if got := e.serves(t); got != "second" {
			t.Errorf("after a second: got %s, want second", got)
		}
		if got := e.served.NotAfter(); !got.Equal(second.NotAfter.Truncate(time.Second)) || len(e.record.loaded) != 2 || !e.record.loaded[1].Equal(got) {
			t.Errorf("got NotAfter %v and %v told, want %v told last", got, e.record.loaded, second.NotAfter)
		}
	})
}

// The same name, size and modification time do not hide a new certificate.
func TestAnUnchangedModificationTimeHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, nil)
		before, err := os.Stat(e.certificate)
		if err != nil {
			t.Fatal(err)
		}
		e.put(t, issue(t, e.authority, server("other")))
		for _, file := range []string{e.certificate, e.key} {
			if err := os.Chtimes(file, before.ModTime(), before.ModTime()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if got := e.serves(t); got != "other" {
			t.Errorf("got %s, want other", got)
		}
	})
}

// Kubernetes puts both files into a new folder and turns a link.
func TestASecretThatKubernetesSwaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, a := t.TempDir(), newAuthority(t)
		swap := func(version string) {
			p := issue(t, a, server(version))
			if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, version, "tls.crt"), p.Certificate)
			write(t, filepath.Join(dir, version, "tls.key"), p.Key)
			if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
				t.Fatal(err)
			}
		}
		swap("..one")
		for _, file := range []string{"tls.crt", "tls.key"} {
			if err := os.Symlink(filepath.Join("..data", file), filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
		}
		e := &edge{authority: a}
		var err error
		e.config, e.served, err = listen.TLSConfig(listen.Options{
			CertificateFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"),
			Observer: &e.record, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		swap("..two")
		time.Sleep(time.Second)
		if got := e.serves(t); got != "..two" {
			t.Errorf("got %s, want ..two", got)
		}
	})
}

func TestAPairThatCannotBeUsedChangesNothing(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, e *edge, next *authority.Pair)
		want  string // in the error
	}{
		{"garbage", func(t *testing.T, e *edge, _ *authority.Pair) { write(t, e.certificate, []byte("garbage")) }, "no PEM block"},
		{"empty", func(t *testing.T, e *edge, _ *authority.Pair) { write(t, e.certificate, nil) }, "no PEM block"},
		{"removed", func(t *testing.T, e *edge, _ *authority.Pair) { os.Remove(e.key) }, "no such file"},
		{"the key still the old one", func(t *testing.T, e *edge, next *authority.Pair) { write(t, e.certificate, next.Certificate) }, "does not match"},
		{"half a certificate", func(t *testing.T, e *edge, next *authority.Pair) {
			e.put(t, next)
			write(t, e.certificate, next.Certificate[:len(next.Certificate)/2])
		}, "find any PEM data"},
		{"half a key", func(t *testing.T, e *edge, next *authority.Pair) {
			e.put(t, next)
			write(t, e.key, next.Key[:len(next.Key)/2])
		}, "find any PEM data"},
		{"endless", func(t *testing.T, e *edge, _ *authority.Pair) { write(t, e.key, make([]byte, 1<<20+1)) }, "more than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, nil)
				next := issue(t, e.authority, server("next"))
				tt.spoil(t, e, next)
				time.Sleep(time.Second)
				if got := e.serves(t); got != "first" || len(e.record.failed) != 0 {
					t.Errorf("at the first look: got %s served and %v told; want first, and nothing told yet", got, e.record.failed)
				}
				for range 5 {
					time.Sleep(time.Second)
					if got := e.serves(t); got != "first" {
						t.Errorf("got %s served, want first", got)
					}
				}
				if len(e.record.failed) != 1 || !strings.Contains(e.record.failed[0].Error(), tt.want) {
					t.Errorf("got %v told, want one error with %q", e.record.failed, tt.want)
				}
				e.put(t, next)
				time.Sleep(time.Second)
				if got := e.serves(t); got != "next" {
					t.Errorf("once the pair is whole: got %s served, want next", got)
				}
			})
		})
	}
}

func TestTheFirstPairMustBeUsable(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	good, other := issue(t, a, server("good")), issue(t, a, server("other"))
	file := func(name string, content []byte) string {
		name = filepath.Join(dir, name)
		write(t, name, content)
		return name
	}
	crt, key := file("good.crt", good.Certificate), file("good.key", good.Key)
	tests := []struct {
		name, certificate, key string
		want                   []string // file, rule, remedy
	}{
		{"no certificate file", filepath.Join(dir, "none.crt"), key, []string{"none.crt", "no such file", "name a PEM file"}},
		{"no key file", crt, filepath.Join(dir, "none.key"), []string{"none.key", "no such file", "name a PEM file"}},
		{"a folder", dir, key, []string{dir, "is a directory", "name a PEM file"}},
		{"empty", file("empty.crt", nil), key, []string{"empty.crt", "must be PEM", "openssl"}},
		{"another's key", crt, file("other.key", other.Key), []string{"good.crt", "other.key", "does not match", "the key of that first certificate"}},
		{"switched", key, crt, []string{"good.key", "switched", "the certificate file holds the certificate first"}},
		{"with a passphrase", crt, file("locked.key", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: make([]byte, 99)})),
			[]string{"locked.key", "failed to parse", "without a passphrase"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := listen.TLSConfig(listen.Options{CertificateFile: tt.certificate, KeyFile: tt.key, Observer: new(record), Logger: slog.New(slog.DiscardHandler)})
			for _, want := range tt.want {
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("got %v, want it to say %q", err, want)
				}
			}
		})
	}
}

func TestAnExpiredCertificateWarns(t *testing.T) {
	var lines bytes.Buffer
	e := newEdge(t, nil)
	expired := server("expired")
	expired.NotBefore, expired.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	e.put(t, issue(t, e.authority, expired))
	_, _, err := listen.TLSConfig(listen.Options{CertificateFile: e.certificate, KeyFile: e.key, Observer: &e.record, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	if err != nil || !strings.Contains(lines.String(), "level=WARN") || !strings.Contains(lines.String(), "certificate expired") {
		t.Errorf("got %v and %q, want a warning", err, lines.String())
	}
}
