package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// Change is what became of a key.
type Change struct {
	Key     string
	Value   []byte    // nil: the key was removed
	Expires time.Time // the zero Time: never
}

// A journal is magic, and records behind it. A record is what was written at once, on the disk as a whole or not at all:
//
//	4 bytes  length of the changes
//	4 bytes  checksum of the changes
//	4 bytes  checksum of these 8 bytes, so that a length which is not true leads nowhere
//	         the changes, each a kind, a key, and what its kind has
//
// Numbers are little-endian; a key and a value have their length before them, as a varint; a time is in milliseconds since 1970, rounded up.
const (
	magic  = "portcullis state 1\n"
	header = 12
)

const (
	removal  byte = iota // the key alone
	lasting              // a value
	expiring             // a time, 8 bytes, and a value
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends a record that holds changes.
func appendRecord(to []byte, changes []Change) ([]byte, error) {
	begin := len(to)
	to = append(to, make([]byte, header)...)
	for i := range changes {
		to = appendChange(to, &changes[i])
	}
	body := to[begin+header:]
	if len(body) > math.MaxInt32 {
		return to[:begin], fmt.Errorf("%d bytes are too many for one record", len(body))
	}
	head := to[begin : begin+header]
	binary.LittleEndian.PutUint32(head, uint32(len(body)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(body, castagnoli))
	binary.LittleEndian.PutUint32(head[8:], crc32.Checksum(head[:8], castagnoli))
	return to, nil
}

func appendChange(to []byte, c *Change) []byte {
	kind := lasting
	switch {
	case c.Value == nil:
		kind = removal
	case !c.Expires.IsZero():
		kind = expiring
	}
	to = appendText(append(to, kind), c.Key)
	if kind == expiring {
		to = binary.LittleEndian.AppendUint64(to, uint64(c.Expires.Add(time.Millisecond-1).UnixMilli()))
	}
	if kind != removal {
		to = appendText(to, c.Value)
	}
	return to
}

func appendText[T string | []byte](to []byte, text T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// What can be wrong with a record.
var (
	errTorn    = errors.New("the file ends inside a record")
	errHeader  = errors.New("the checksum of a record's head does not fit")
	errBody    = errors.New("the checksum of a record does not fit")
	errChanges = errors.New("a record holds what this version does not understand")
)

// next takes the first record off data. The changes refer to data.
func next(data []byte) (changes []Change, rest []byte, err error) {
	if len(data) < header {
		return nil, data, errTorn
	}
	head := data[:header]
	if crc32.Checksum(head[:8], castagnoli) != binary.LittleEndian.Uint32(head[8:]) {
		return nil, data, errHeader
	}
	length := uint64(binary.LittleEndian.Uint32(head))
	if length > uint64(len(data)-header) {
		return nil, data, errTorn
	}
	body := data[header : header+length]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, data, errBody
	}
	for len(body) > 0 {
		var c Change
		if c, body, err = nextChange(body); err != nil {
			return nil, data, err
		}
		changes = append(changes, c)
	}
	return changes, data[header+length:], nil
}

func nextChange(body []byte) (c Change, rest []byte, err error) {
	kind := body[0]
	if kind > expiring {
		return c, nil, errChanges
	}
	key, rest, err := nextText(body[1:])
	c.Key = string(key)
	if err != nil || kind == removal {
		return c, rest, err
	}
	if kind == expiring {
		if len(rest) < 8 {
			return c, nil, errChanges
		}
		c.Expires = time.UnixMilli(int64(binary.LittleEndian.Uint64(rest)))
		rest = rest[8:]
	}
	c.Value, rest, err = nextText(rest)
	return c, rest, err
}

// nextText never returns nil without an error.
func nextText(body []byte) (text, rest []byte, err error) {
	length, n := binary.Uvarint(body)
	if n <= 0 || length > uint64(len(body)-n) {
		return nil, nil, errChanges
	}
	end := n + int(length)
	return body[n:end:end], body[end:], nil
}
