package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"portcullis/internal/auth/jwt/jwks"
	"portcullis/internal/auth/jwt/mint"
	"portcullis/internal/config"
	"portcullis/internal/listen/authority"
)

// What the starter has besides the files of [config.WriteStarter] and those that they name.
const (
	starterAuthority  = "ca.crt"
	starterSigningKey = "signing.key"
)

func configInitCommand(s *shell) *cobra.Command {
	return &cobra.Command{
		Use: "init DIR", Short: "Write a configuration that serve runs as it stands",
		Long: `Write into DIR a configuration, a tenant with rules and tests, a certificate for localhost with the authority that clients trust it by, and a
key that signs development tokens. Nothing is overwritten. Private keys are for their owner alone, and so is DIR where it is made.`,
		Example: `  portcullis config init gateway
  portcullis serve --config gateway/portcullis.yaml`,
		Args: takes("DIR"),
		RunE: does(func(_ *cobra.Command, args []string) error {
			written, err := writeStarter(args[0])
			if err != nil {
				return err
			}
			for _, path := range written {
				fmt.Fprintln(s.stdout, "wrote", path)
			}
			return s.printNext(args[0], written[0])
		}),
	}
}

// writeStarter writes all of a first configuration or nothing. The main file is the first that it returns.
func writeStarter(dir string) (written []string, err error) {
	made, err := starterFiles()
	if err != nil {
		return nil, err
	}
	for _, f := range made {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			if err == nil {
				err = errors.New("it exists already; choose another folder or move it away")
			}
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
	}
	defer func() {
		if err != nil {
			for _, path := range written {
				_ = os.Remove(path)
			}
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if written, err = config.WriteStarter(dir); err != nil {
		return written, err
	}
	for _, f := range made {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := writeNew(path, f.content, f.mode); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, nil
}

// starterFile is a file that holds keys or certificates, made anew for each starter.
type starterFile struct {
	name    string
	content []byte
	mode    fs.FileMode
}

func starterFiles() ([]starterFile, error) {
	ca, err := authority.New("Portcullis development authority")
	if err != nil {
		return nil, err
	}
	pair, err := ca.Issue(authority.Leaf{
		Name: "localhost", DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, Server: true,
	})
	if err != nil {
		return nil, err
	}
	key, err := mint.NewKey("ES256")
	if err != nil {
		return nil, err
	}
	private, err := mint.Encode(key)
	if err != nil {
		return nil, err
	}
	public, err := jwks.Encode(key.Public())
	if err != nil {
		return nil, err
	}
	return []starterFile{
		{config.StarterJWKS, public, 0o644},
		{config.StarterCertificate, pair.Certificate, 0o644},
		{config.StarterKey, pair.Key, 0o600},
		{starterAuthority, ca.PEM(), 0o644},
		{starterSigningKey, private, 0o600},
	}, nil
}

// writeNew fails when the file has come into being meanwhile.
func writeNew(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// printNext prints lines to paste: what runs the new configuration, and speaks with it.
func (s *shell) printNext(dir, file string) error {
	c, problems := config.Load(file)
	if config.Failed(problems) {
		return fmt.Errorf("read what was written: %v", problems[0])
	}
	_, port, err := net.SplitHostPort(c.Listen.Address)
	if err != nil {
		return err
	}
	in := func(name string) string { return quoted(filepath.Join(dir, name)) }
	program := program()
	fmt.Fprintf(s.stdout, `
Run it:
  %[1]s config check --config %[2]s
  %[1]s serve --config %[2]s

Speak with it, in another terminal, as alice of acme:
  export PORTCULLIS_URL=wss://localhost:%[3]s
  export PORTCULLIS_TOKEN="$(%[1]s token mint --key %[4]s --issuer %[5]s --audience %[6]s --sub alice --role member)"
  %[1]s echo --ca %[7]s lab:rtt 'Hello, Secure World!'

Hear what is published, in a third terminal; it runs until Ctrl-C:
  export PORTCULLIS_URL=wss://localhost:%[3]s
  export PORTCULLIS_TOKEN="$(%[1]s token mint --key %[4]s --issuer %[5]s --audience %[6]s --sub alice --role member)"
  %[1]s subscribe --ca %[7]s room:1

Publish, in the second terminal again:
  %[1]s publish --ca %[7]s room:1 '{"text":"hi"}'
`, program, quoted(file), port, in(starterSigningKey), config.StarterIssuer, config.StarterAudience, in(starterAuthority))
	return nil
}

// built is the folder of a program that go run has built or kept: no name to tell anybody.
var built = regexp.MustCompile(`/go-build|/[0-9a-f]{64}-d/[^/]*$`)

// program is how this program was called.
func program() string {
	if built.MatchString(filepath.ToSlash(os.Args[0])) {
		return "go run ./cmd/portcullis"
	}
	return quoted(os.Args[0])
}

// quoted is text as one word of a shell.
func quoted(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
