package channel

import "strings"

// Segment writes any text as one segment, so that a user id or a claim can stand in a name and cannot reach out of
// its place: different values give different segments, and none holds ':', '*' or '$'. It reports false for a value
// that cannot be one: an empty one, and one of more than [MaxSegment] bytes once it is written.
func Segment(value string) (string, bool) {
	size := len(value)
	for i := range len(value) {
		if classes[value[i]] != literal {
			size += 2
		}
	}
	switch {
	case size == 0 || size > MaxSegment:
		return "", false
	case size == len(value):
		return value, true
	}
	var b strings.Builder
	b.Grow(size)
	for i := range len(value) {
		if c := value[i]; classes[c] == literal {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String(), true
}

// Encodes reports whether segment is what [Segment] writes for value. It builds nothing.
func Encodes(segment, value string) bool {
	if segment == "" || len(segment) > MaxSegment {
		return false
	}
	for i := range len(value) {
		c, size := value[i], 1
		if classes[c] != literal {
			size = 3
		}
		switch {
		case len(segment) < size:
			return false
		case size == 1 && segment[0] != c:
			return false
		case size == 3 && (segment[0] != '%' || segment[1] != hex[c>>4] || segment[2] != hex[c&15]):
			return false
		}
		segment = segment[size:]
	}
	return segment == ""
}
