package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.UnixMilli(1767268800000)

func record(t testing.TB, changes ...Change) []byte {
	t.Helper()
	data, err := appendRecord(nil, changes)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var samples = map[string][]Change{
	"for ever":    {{Key: "ended/suspension/acme", Value: []byte("{}")}},
	"for a time":  {{Key: "ended/revocation/r_1", Value: []byte(`{"kind":"user"}`), Expires: noon}},
	"removed":     {{Key: "ended/revocation/r_1"}},
	"empty":       {{Key: "", Value: []byte{}}},
	"long":        {{Key: strings.Repeat("k", 300), Value: []byte(strings.Repeat("v", 3_000)), Expires: noon}},
	"no text":     {{Key: "\x00\xff\n", Value: []byte{0, 0xff, 0x80}}},
	"three":       {{Key: "a", Value: []byte("1")}, {Key: "b"}, {Key: "a", Value: []byte("2"), Expires: noon}},
	"before 1970": {{Key: "a", Value: []byte("1"), Expires: time.UnixMilli(-1)}},
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	for name, want := range samples {
		t.Run(name, func(t *testing.T) {
			got, rest, err := next(append(record(t, want...), "behind"...))
			if err != nil || string(rest) != "behind" || !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, %q, %v; want %v", got, rest, err, want)
			}
		})
	}
}

// A time is rounded up: what is revoked until then stays so to the end.
func TestATimeIsRoundedUp(t *testing.T) {
	got, _, err := next(record(t, Change{Key: "k", Value: []byte{}, Expires: noon.Add(1)}))
	if err != nil || !got[0].Expires.Equal(noon.Add(time.Millisecond)) {
		t.Errorf("got %v, %v; want %v", got, err, noon.Add(time.Millisecond))
	}
}

// No flipped bit, no missing byte goes unnoticed.
func TestDamageIsNoticed(t *testing.T) {
	whole := record(t, samples["three"]...)
	for i := range whole {
		if changes, _, err := next(whole[:i]); !errors.Is(err, errTorn) || changes != nil {
			t.Errorf("cut at %d: got %v, %v; want errTorn", i, changes, err)
		}
		for bit := range 8 {
			damaged := append([]byte(nil), whole...)
			damaged[i] ^= 1 << bit
			changes, _, err := next(damaged)
			want := errHeader
			if i >= header {
				want = errBody
			}
			if !errors.Is(err, want) || changes != nil {
				t.Errorf("byte %d, bit %d: got %v, %v; want %v", i, bit, changes, err, want)
			}
		}
	}
}

// sealed gives a body the head that fits it.
func sealed(body []byte) []byte {
	head := make([]byte, header)
	binary.LittleEndian.PutUint32(head, uint32(len(body)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(body, castagnoli))
	binary.LittleEndian.PutUint32(head[8:], crc32.Checksum(head[:8], castagnoli))
	return append(head, body...)
}

func TestChangesThatAreNone(t *testing.T) {
	for name, body := range map[string]string{
		"a kind of a later version": "\x03\x01k",
		"no key":                    "\x00",
		"a key cut short":           "\x01\x05k",
		"no value":                  "\x01\x01k",
		"a value cut short":         "\x01\x01k\x05v",
		"no time":                   "\x02\x01k\x01\x02\x03",
		"a length without end":      "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"a length beyond all":       "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"something behind the last": "\x00\x01k\x09",
	} {
		if changes, _, err := next(sealed([]byte(body))); !errors.Is(err, errChanges) || changes != nil {
			t.Errorf("%s: got %v, %v; want errChanges", name, changes, err)
		}
	}
}

// FuzzJournal reads arbitrary bytes as a journal, and as changes under a checksum that fits. Nothing panics; whatever is read stood in records whose
// checksums fit, which are counted here once more by other means; what is read can be written, and is read back the same; and where the journal is refused, the
// offset is that of the first record that does not fit.
func FuzzJournal(f *testing.F) {
	for _, changes := range samples {
		f.Add(append([]byte(magic), record(f, changes...)...), false)
		f.Add(record(f, changes...)[header:], true)
	}
	two := append(append([]byte(magic), record(f, samples["three"]...)...), record(f, samples["removed"]...)...)
	f.Add(two[:len(two)-3], false)
	f.Add(append(two, make([]byte, 40)...), false)
	f.Add([]byte(magic), false)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal {
			data = append([]byte(magic), sealed(data)...)
		}
		c, offset, err := parse(data)
		fit := len(magic)
		var changes int
		for fits(data, fit) {
			body := data[fit+header:][:binary.LittleEndian.Uint32(data[fit:])]
			all, _, err := next(data[fit:])
			if err != nil {
				break // its checksum fits, its changes are of no kind
			}
			again, rest, err := next(record(t, all...))
			if err != nil || len(rest) > 0 || !reflect.DeepEqual(again, all) {
				t.Fatalf("read %v, written and read again %v, %v", all, again, err)
			}
			changes += len(all)
			fit += header + len(body)
		}
		switch {
		case err == nil && (int64(fit) != c.size || c.size+c.torn != int64(len(data)) || c.changes != changes || len(c.live) > changes):
			t.Errorf("got %d bytes, %d torn, %d changes, %d live of %d bytes, of which %d with %d changes fit", c.size, c.torn, c.changes, len(c.live), len(data), fit, changes)
		case err != nil && !errors.Is(err, errMagic) && offset != int64(fit):
			t.Errorf("refused at %d (%v), want %d", offset, err, fit)
		}
		for key, change := range c.live {
			if change.Value == nil || change.Key != key {
				t.Errorf("%q lives as %+v", key, change)
			}
		}
	})
}

// fits reports whether the record at a place of a journal is whole and untouched.
func fits(data []byte, at int) bool {
	if len(data) < at+header || string(data[:len(magic)]) != magic {
		return false
	}
	head := data[at : at+header]
	length := int(binary.LittleEndian.Uint32(head))
	return crc32.Checksum(head[:8], castagnoli) == binary.LittleEndian.Uint32(head[8:]) && length <= len(data)-at-header &&
		crc32.Checksum(data[at+header:][:length], castagnoli) == binary.LittleEndian.Uint32(head[4:])
}
