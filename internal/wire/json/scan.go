package json

// maxDepth bounds how deep a client may nest arrays and objects.
const maxDepth = 64

// scanner steps over JSON (RFC 8259) in one pass, without recursion and without memory of its own: it runs on the small stack
// of every connection's reading goroutine. The text is known to be UTF-8.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// is steps over c if it comes next.
func (s *scanner) is(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// value steps over one value and reports whether it was one.
func (s *scanner) value() bool {
	var objects uint64 // a bit for each level that is an object
	depth := 0
	for {
		s.space()
		opened, ok := s.scalarOrOpen()
		if !ok {
			return false
		}
		if opened != 0 {
			if depth++; depth > maxDepth {
				return false
			}
			objects <<= 1
			if opened == '{' {
				objects |= 1
			}
			s.space()
			if s.is(opened + 2) { // ] and } stand two after [ and {
				depth, objects = depth-1, objects>>1
			} else {
				if objects&1 == 1 && !s.key() {
					return false
				}
				continue
			}
		}
		for ; depth > 0; depth, objects = depth-1, objects>>1 {
			s.space()
			if s.is(',') {
				if objects&1 == 1 && !s.key() {
					return false
				}
				break
			}
			if objects&1 == 1 && !s.is('}') || objects&1 == 0 && !s.is(']') {
				return false
			}
		}
		if depth == 0 {
			return true
		}
	}
}

// scalarOrOpen steps over a scalar, or over the bracket that opens an array or object, which it returns.
func (s *scanner) scalarOrOpen() (opened byte, ok bool) {
	if s.i == len(s.b) {
		return 0, false
	}
	switch c := s.b[s.i]; c {
	case '{', '[':
		s.i++
		return c, true
	case '"':
		return 0, s.text()
	case 't':
		return 0, s.word("true")
	case 'f':
		return 0, s.word("false")
	case 'n':
		return 0, s.word("null")
	}
	return 0, s.number()
}

// key steps over a member's name and its colon.
func (s *scanner) key() bool {
	s.space()
	if !s.text() {
		return false
	}
	s.space()
	return s.is(':')
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

func (s *scanner) text() bool {
	if !s.is('"') {
		return false
	}
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return true
		case c < 0x20:
			return false
		case c == '\\':
			if !s.escape() {
				return false
			}
		default:
			s.i++
		}
	}
	return false
}

func (s *scanner) escape() bool {
	s.i++
	if s.i == len(s.b) {
		return false
	}
	c := s.b[s.i]
	s.i++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if s.i == len(s.b) || !hex(s.b[s.i]) {
				return false
			}
			s.i++
		}
		return true
	}
	return false
}

func hex(c byte) bool { return c-'0' < 10 || (c|0x20)-'a' < 6 }

func (s *scanner) number() bool {
	s.is('-')
	if !s.is('0') && !s.digits() {
		return false
	}
	if s.is('.') && !s.digits() {
		return false
	}
	if s.is('e') || s.is('E') {
		if !s.is('+') {
			s.is('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' < 10 {
		s.i++
	}
	return s.i > start
}
