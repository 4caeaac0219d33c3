package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// ErrNotRunning is that there is no development gateway to find.
var ErrNotRunning = errors.New("no development gateway is running; start one with: portcullis dev")

// State is where the development gateway of this user is, and what is needed to talk to it. The secrets are in files that only the user can read.
type State struct {
	URL       string `json:"url"`        // wss://, with a certificate that CAFile vouches for
	PlainURL  string `json:"plain_url"`  // ws://, on loopback
	AdminURL  string `json:"admin_url"`  // http://
	PageURL   string `json:"page_url"`   // http://, to try it in a browser
	TokenFile string `json:"token_file"` // the demo user's token
	CAFile    string `json:"ca_file"`    // PEM
	KeyFile   string `json:"key_file"`   // PEM, signs tokens of Issuer for Audience
	Issuer    string `json:"issuer"`
	Audience  string `json:"audience"`
	PID       int    `json:"pid"`
}

// LoadState finds the gateway that [Run] keeps running. Without one the error wraps [ErrNotRunning].
func LoadState() (State, error) {
	for _, path := range statePaths() {
		s, err := readState(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return State{}, fmt.Errorf("find the development gateway: %w", err)
		}
		if !alive(s.PID) {
			return State{}, fmt.Errorf("%w (process %d, which left %s, is gone)", ErrNotRunning, s.PID, path)
		}
		return s, nil
	}
	return State{}, ErrNotRunning
}

// statePaths are where the state may be: in the user's own cache, or where there is none, under a name that has the user in it.
func statePaths() []string {
	paths := []string{filepath.Join(os.TempDir(), fmt.Sprintf("portcullis-dev-%d.json", os.Getuid()))}
	if cache, err := os.UserCacheDir(); err == nil {
		paths = append([]string{filepath.Join(cache, "portcullis", "dev.json")}, paths...)
	}
	return paths
}

// maxState is more than any state has.
const maxState = 64 << 10

// readState believes no file that somebody else could have put there: it says whom to send a token to.
func readState(path string) (s State, err error) {
	f, err := openOwn(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return s, err
	case !info.Mode().IsRegular() || info.Size() > maxState:
		return s, fmt.Errorf("%s is no state of a development gateway; remove it", path)
	case !private(info):
		return s, fmt.Errorf("%s belongs to somebody else, or others can read or write it; it must be this user's, with mode 0600: remove it", path)
	}
	if err := json.NewDecoder(f).Decode(&s); err != nil {
		return s, fmt.Errorf("%s cannot be read (%w); remove it", path, err)
	}
	return s, nil
}

// save writes the state where [LoadState] looks first, over what a crashed gateway left. leave removes it.
func (s State) save() (leave func() error, err error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, path := range statePaths() {
		if err := replace(path, append(data, '\n')); err != nil {
			failures = append(failures, err)
			continue
		}
		return func() error { return s.unlink(path) }, nil
	}
	return nil, fmt.Errorf("tell the other commands where the gateway is: %w", errors.Join(failures...))
}

// unlink removes the file unless a later gateway has written its own.
func (s State) unlink(path string) error {
	if now, err := readState(path); err != nil || now.PID != s.PID {
		return nil
	}
	return os.Remove(path)
}

// replace writes a file of mode 0600 at once, so that no reader sees a part of it.
func replace(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".portcullis-dev-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// refuseSecond is an error while another development gateway of this user runs: the lines that it told to paste would reach this one. A process
// that only has the number of a crashed one does not count.
func refuseSecond() error {
	s, err := LoadState()
	if err != nil {
		return nil
	}
	u, err := url.Parse(s.PlainURL)
	if err != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return nil
	}
	conn.Close()
	return fmt.Errorf("a development gateway runs already at %s, process %d; use that one, or stop it first", s.URL, s.PID)
}
