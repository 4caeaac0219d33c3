package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func tokenCommand(s *shell) *cobra.Command {
	return group("token", "Make a development token, or look at one", `  portcullis token mint --dev
  portcullis token inspect --token-file token.jwt
  portcullis token verify --config portcullis.yaml - < token.jwt`,
		tokenMintCommand(s), tokenInspectCommand(s), tokenVerifyCommand(s))
}

// tokenSource is where a command finds the token that it looks at.
type tokenSource struct{ file string }

func (t *tokenSource) flag(c *cobra.Command) {
	c.Flags().StringVar(&t.file, "token-file", "", "read the token from a `file`")
}

// read returns the token: from the file, from standard input for -, or the argument itself, which other users of the machine may see.
func (t *tokenSource) read(s *shell, args []string) (string, error) {
	switch {
	case t.file != "" && len(args) > 0:
		return "", misuse("there are a token and --token-file; give one of the two")
	case t.file != "":
		return readTokenFile(t.file)
	case len(args) == 0:
		return "", misuse("there is no token; give --token-file, - to read standard input, or the token itself")
	case len(args) > 1:
		return "", misuse(fmt.Sprintf("there are %d arguments; a token is one", len(args)))
	case args[0] == "-":
		token, err := readToken(s.stdin)
		if err != nil {
			return "", fmt.Errorf("read the token from standard input: %w", err)
		}
		return token, nil
	}
	return args[0], nil
}

// readTokenFile reads a file that holds a token and nothing else.
func readTokenFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	defer f.Close()
	token, err := readToken(f)
	if err != nil {
		return "", fmt.Errorf("read the token in %s: %w", path, err)
	}
	return token, nil
}

// readToken reads what holds a token and perhaps a last line break.
func readToken(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, 64<<10)) // far more than any token that is taken
	token := strings.TrimSpace(string(text))
	if err == nil && token == "" {
		err = errors.New("it is empty")
	}
	return token, err
}
