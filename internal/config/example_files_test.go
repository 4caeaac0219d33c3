package config_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"portcullis/internal/config"
)

const repository = "../.."

// Whatever is called portcullis.yaml and is there to be copied loads as it stands. Below internal are templates; the starter has a
// test of its own.
func TestEveryExampleLoads(t *testing.T) {
	var examples []string
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "node_modules", "internal"}, entry.Name()) {
			return fs.SkipDir
		}
		if err == nil && entry.Name() == "portcullis.yaml" {
			examples = append(examples, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(examples, filepath.Join(repository, "deploy", "portcullis.yaml")) {
		t.Error("deploy/portcullis.yaml is missing")
	}
	for _, path := range examples {
		c, problems := config.Load(path)
		wantProblems(t, problems)
		if c == nil || len(c.Tenants) == 0 {
			t.Errorf("%s has no tenant", path)
		}
	}
}

// The annotated example grows with the program: each key stands in it, in use or in a comment.
func TestTheAnnotatedExampleHasEveryKey(t *testing.T) {
	for file, root := range map[string]reflect.Type{
		"portcullis.yaml":   reflect.TypeFor[config.Config](),
		"tenants/acme.yaml": reflect.TypeFor[config.Tenant](),
	} {
		text, err := os.ReadFile(filepath.Join(repository, "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range structs(root) {
			if file == "portcullis.yaml" && s != root && slices.Contains(structs(reflect.TypeFor[config.Tenant]()), s) {
				continue
			}
			for _, f := range fields(s) {
				if !bytes.Contains(text, []byte(f.Tag.Get("yaml")+":")) {
					t.Errorf("deploy/%s has no %s", file, f.Tag.Get("yaml"))
				}
			}
		}
	}
}

func TestTheStarterLoadsAsItStands(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	files, err := config.WriteStarter(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "portcullis.yaml"), filepath.Join(dir, "tenants", "acme.yaml")}
	if !slices.Equal(files, want) {
		t.Fatalf("got files %v, want %v", files, want)
	}
	c, problems := config.Load(files[0])
	wantProblems(t, problems)
	issuer := c.Tenants[0].Issuers[0]
	for got, want := range map[string]string{
		string(c.Listen.TLS.CertificateFile): filepath.Join(dir, config.StarterCertificate),
		string(c.Listen.TLS.KeyFile):         filepath.Join(dir, config.StarterKey),
		string(issuer.JWKSFile):              filepath.Join(dir, filepath.FromSlash(config.StarterJWKS)),
		issuer.Issuer:                        config.StarterIssuer,
		issuer.Audience:                      config.StarterAudience,
	} {
		if got != want {
			t.Errorf("the starter names %q, want %q", got, want)
		}
	}
}

func TestTheStarterOverwritesNothing(t *testing.T) {
	dir := folder(t, map[string]string{"tenants/acme.yaml": "mine"})
	files, err := config.WriteStarter(dir)
	if err == nil || len(files) != 0 || !strings.Contains(err.Error(), filepath.Join(dir, "tenants", "acme.yaml")) {
		t.Fatalf("got %v, %v; want an error that names tenants/acme.yaml", files, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "portcullis.yaml")); err == nil {
		t.Error("portcullis.yaml was written although the tenant's file was there")
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "tenants", "acme.yaml")); string(got) != "mine" {
		t.Errorf("the file that was there now holds %q", got)
	}
}
