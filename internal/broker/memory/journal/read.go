package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// content is what a journal's file holds.
type content struct {
	live    map[string]Change // what was not removed since; times are not looked at
	changes int               // how many there are, those included that count no more
	size    int64             // of what can be read
	torn    int64             // bytes behind that: a record whose writing was cut short, which nobody was told was written
}

// Corrupt says that what was acknowledged cannot be read any more.
type Corrupt struct {
	File   string
	Offset int64 // of the record
	Reason error
}

func (c *Corrupt) Error() string {
	return fmt.Sprintf("%s is corrupt at byte %d (%v), and what was revoked there would be forgotten; put a copy of the file in its place, "+
		"or move it away, start without it, and revoke again", c.File, c.Offset, c.Reason)
}

func (c *Corrupt) Unwrap() error { return c.Reason }

// read returns what the file holds, which need not exist.
func read(path string) (c content, err error) {
	c.live = make(map[string]Change)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, unreachable(filepath.Dir(path), err)
	}
	c, offset, err := parse(data)
	if err != nil {
		return c, &Corrupt{path, offset, err}
	}
	return c, nil
}

var errMagic = errors.New("it does not begin like a journal that this version writes")

// parse reads a journal to its end. Of one that is corrupt it returns where.
func parse(data []byte) (c content, offset int64, err error) {
	c.live = make(map[string]Change)
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return c, 0, errMagic
	}
	for len(rest) > 0 {
		changes, behind, err := next(rest)
		if unwritten(rest, err) {
			c.torn = int64(len(rest))
			break
		}
		if err != nil {
			return c, int64(len(data) - len(rest)), err
		}
		for _, change := range changes {
			c.apply(change)
		}
		rest = behind
	}
	c.size = int64(len(data)) - c.torn
	return c, 0, nil
}

func (c *content) apply(change Change) {
	c.changes++
	if change.Value == nil {
		delete(c.live, change.Key)
		return
	}
	change.Value = bytes.Clone(change.Value)
	c.live[change.Key] = change
}

// unwritten reports whether what follows is the rest of a write that never ended: the file ends inside it, or grew and was not filled. Anything else that
// cannot be read was written once.
func unwritten(rest []byte, err error) bool {
	return errors.Is(err, errTorn) || err != nil && len(bytes.Trim(rest, "\x00")) == 0
}

// expire drops what is over.
func (c *content) expire(now time.Time) {
	for key, change := range c.live {
		if !change.Expires.IsZero() && !now.Before(change.Expires) {
			delete(c.live, key)
		}
	}
}

// Check reports what would keep Open from opening the journal of a folder, as far as can be told beside a process that has it open. It changes nothing.
func Check(folder string) error {
	if err := checkFolder(folder); err != nil {
		return err
	}
	_, err := read(filepath.Join(folder, fileName))
	return err
}

// checkFolder reports whether a folder is one, or can be made.
func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if parent, err := os.Stat(filepath.Dir(folder)); err != nil || !parent.IsDir() {
			return fmt.Errorf("%s does not exist, nor does the folder around it; make the folder, for the gateway alone", folder)
		}
	case err != nil:
		return unreachable(folder, err)
	case !info.IsDir():
		return fmt.Errorf("%s is no folder; name one that the gateway may write to", folder)
	}
	return nil
}

// unreachable says what to do about an error that the system has with the folder.
func unreachable(folder string, err error) error {
	if strings.Contains(err.Error(), folder) {
		return fmt.Errorf("%w; name a folder that the gateway may write to", err)
	}
	return fmt.Errorf("%s: %w; name a folder that the gateway may write to", folder, err)
}
