package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// side is the administrators' listener that a command speaks with.
type side struct{ url, tokenFile string }

func (a *side) flags(c *cobra.Command) {
	c.Flags().StringVar(&a.url, "admin", "", "the administrators' listener of a node, `http://host:port` (default $PORTCULLIS_ADMIN, else http://127.0.0.1:8081)")
	c.Flags().StringVar(&a.tokenFile, "admin-token-file", "", "read the administrators' token from a `file` (default $PORTCULLIS_ADMIN_TOKEN_FILE)")
}

// request asks the listener, and returns what it answered. Its errors say what the listener said.
func (s *shell) request(ctx context.Context, a side, method, path string, body any) ([]byte, error) {
	base := a.url
	if base == "" {
		base = s.env("PORTCULLIS_ADMIN")
	}
	if base == "" {
		base = "http://127.0.0.1:8081"
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, misuse(fmt.Sprintf("the administrators' listener %s is no address such as http://127.0.0.1:8081; give --admin, or set PORTCULLIS_ADMIN", shown(base)))
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerBy)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base, "/")+"/admin/v1"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := s.authorize(r, a); err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		remedy := "give --admin, or set PORTCULLIS_ADMIN"
		if errors.Is(err, http.ErrSchemeMismatch) {
			remedy = "the administrators' listener speaks plain HTTP: give --admin with http://"
		}
		return nil, fmt.Errorf("ask %s: %w; %s", u.Host, errors.Unwrap(err), remedy)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	if answer.StatusCode >= 300 {
		return nil, refusedBy(u.Host, answer.StatusCode, said)
	}
	return said, nil
}

// shown is an address for an error, without what may be a password in it.
func shown(address string) string {
	if strings.Contains(address, "@") {
		return "with a user"
	}
	return strconv.Quote(address)
}

func (s *shell) authorize(r *http.Request, a side) error {
	file := a.tokenFile
	if file == "" {
		file = s.env("PORTCULLIS_ADMIN_TOKEN_FILE")
	}
	if file == "" {
		return nil
	}
	token, err := readTokenFile(file)
	if err != nil {
		return err
	}
	if strings.ContainsFunc(token, unicode.IsControl) {
		return fmt.Errorf("the administrators' token in %s has several lines; name a file with the one line that admin.token_file has", file)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// denial is what a listener that refuses says.
type denial struct {
	host         string
	status       int
	Code, Detail string
}

func (r *denial) Error() string {
	text := fmt.Sprintf("%s answered %d %s: %s", r.host, r.status, plain(r.Code), plain(r.Detail))
	switch {
	case r.status == http.StatusUnauthorized:
		text += "; give --admin-token-file the file that its admin.token_file names"
	case r.status == http.StatusNotFound && strings.Contains(r.Detail, "/v1/ws"):
		text += "; that is the clients' listener, give --admin the administrators'"
	}
	return text
}

func refusedBy(host string, status int, said []byte) error {
	r := &denial{host: host, status: status}
	if json.Unmarshal(said, r) != nil || r.Code == "" {
		return fmt.Errorf("%s answered %d; is it the administrators' listener?", host, status)
	}
	return r
}

// tenantPath is a tenant's part of the administrators' API.
func tenantPath(id string, rest string) string { return "/tenants/" + url.PathEscape(id) + rest }
