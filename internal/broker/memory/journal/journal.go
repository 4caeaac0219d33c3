// Package journal keeps a map on the disk: the changes of its keys, one behind the other, in a file that is written anew when too much of it counts no more.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The files of the folder.
const (
	fileName = "state.journal"
	newName  = "state.journal.new" // until it is whole
	lockName = "lock"
)

const (
	// slack is what a journal may always grow by before it is written anew.
	slack = 1 << 20
	// again is how long a journal that cannot be written is left alone: writing all of it is work.
	again = time.Second
	// chunk is about how much goes into one record of a journal that is written anew.
	chunk = 64 << 10
)

// Journal is open for writing. It is not safe for concurrent use.
type Journal struct {
	folder string
	lock   *os.File // nil once it is closed
	file   *os.File // nil where failed says why
	failed error
	tried  time.Time // of the last attempt to write all of it
	size   int64
	base   int64 // the size after it was last written anew
}

// Opened is what Open found.
type Opened struct {
	Live []Change // what was not removed, and is not over
	Torn int64    // bytes of a write that was cut short: nobody was told that it was done
}

// Open opens the journal of a folder, which it makes if need be; the folder around that one must exist. A folder has one journal, and one process has it
// open, where the system knows locks.
//
// What cannot be read is an error, a [*Corrupt], unless it is the end of the file and its writing was cut short.
func Open(folder string, now time.Time) (*Journal, Opened, error) {
	lock, err := occupy(folder)
	if err != nil {
		return nil, Opened{}, err
	}
	j := &Journal{folder: folder, lock: lock}
	c, err := read(j.path(fileName))
	if err == nil {
		c.expire(now)
		err = j.start(&c, now)
	}
	if err != nil {
		lock.Close()
		return nil, Opened{}, err
	}
	return j, Opened{Live: slices.Collect(maps.Values(c.live)), Torn: c.torn}, nil
}

// occupy makes the folder and locks it.
func occupy(folder string) (lock *os.File, err error) {
	if err := checkFolder(folder); err != nil {
		return nil, err
	}
	err = os.Mkdir(folder, 0o700)
	if err == nil {
		err = syncFolder(filepath.Dir(folder))
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err == nil {
		lock, err = os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil {
		return nil, unreachable(folder, err)
	}
	if err := lockFile(lock); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s is in use by another process (%w); stop that one, or give each gateway a folder of its own", folder, err)
	}
	return lock, nil
}

// start makes a file that was read one that is written to: anew, or as it is where every change of it counts, or where the disk has no room for another.
func (j *Journal) start(c *content, now time.Time) (err error) {
	if c.size == 0 || c.torn > 0 || c.changes > len(c.live) {
		if err = j.Rewrite(maps.Values(c.live), now); err == nil || c.size == 0 {
			return err
		}
	}
	if c.torn > 0 {
		if err = os.Truncate(j.path(fileName), c.size); err != nil {
			return unreachable(j.folder, err)
		}
	}
	if j.file, err = j.open(); err != nil {
		return unreachable(j.folder, err)
	}
	j.size, j.base = c.size, c.size
	return nil
}

func (j *Journal) open() (*os.File, error) {
	return os.OpenFile(j.path(fileName), os.O_WRONLY|os.O_APPEND, 0)
}

func (j *Journal) path(name string) string { return filepath.Join(j.folder, name) }

// Append returns once the changes are on the disk, all of them or none. After an error they may be read there all the same, and until Rewrite has worked nothing
// more can be appended: what is behind a record that cannot be read would not be found.
func (j *Journal) Append(changes []Change) error {
	if j.file == nil {
		return j.failed
	}
	record, err := appendRecord(nil, changes)
	if err != nil {
		return err
	}
	if _, err = j.file.Write(record); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.fail(err)
		return err
	}
	j.size += int64(len(record))
	return nil
}

func (j *Journal) fail(err error) {
	if j.file != nil {
		j.file.Close()
	}
	j.file, j.failed = nil, err
}

// Due reports whether it is time for Rewrite: much of the file counts no more, or it could not be written, and may be now.
func (j *Journal) Due(now time.Time) bool {
	if j.file == nil {
		return j.lock != nil && now.Sub(j.tried) >= again
	}
	return j.size > 2*j.base+slack
}

// Rewrite begins the journal anew with what lives. After an error the old one stands, and is appended to where that was possible before.
func (j *Journal) Rewrite(live iter.Seq[Change], now time.Time) error {
	j.tried = now
	size, err := j.writeNew(live)
	if err != nil {
		_ = os.Remove(j.path(newName))
		j.base = j.size // do not try again with every change
		return unreachable(j.folder, err)
	}
	if j.file != nil {
		j.file.Close() // some systems do not replace a file that is open
	}
	if err := j.replace(); err != nil {
		j.fail(err)
		return unreachable(j.folder, err)
	}
	j.size, j.base, j.failed = size, size, nil
	return nil
}

// replace puts the new file into the place of the old one.
func (j *Journal) replace() (err error) {
	j.file = nil
	if err = os.Rename(j.path(newName), j.path(fileName)); err == nil {
		err = syncFolder(j.folder)
	}
	if err == nil {
		j.file, err = j.open()
	}
	return err
}

// writeNew writes live into a file beside the journal, down to the disk.
func (j *Journal) writeNew(live iter.Seq[Change]) (size int64, err error) {
	f, err := os.OpenFile(j.path(newName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffer, held := []byte(magic), []Change(nil)
	flush := func() error {
		if len(held) > 0 {
			if buffer, err = appendRecord(buffer, held); err != nil {
				return err
			}
		}
		n, err := f.Write(buffer)
		size += int64(n)
		buffer, held = buffer[:0], held[:0]
		return err
	}
	bytes := 0
	for change := range live {
		held = append(held, change)
		if bytes += len(change.Key) + len(change.Value); bytes < chunk {
			continue
		}
		bytes = 0
		if err := flush(); err != nil {
			return 0, err
		}
	}
	if err := flush(); err != nil {
		return 0, err
	}
	return size, f.Sync()
}

// Close lets another process have the folder. Nothing is left to be written, and nothing can be any more.
func (j *Journal) Close() error {
	j.fail(errors.New("the journal is closed"))
	lock := j.lock
	j.lock = nil
	return lock.Close()
}
