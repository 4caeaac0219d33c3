package envelope

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// foreign is the value of a character that is none of the alphabet (RFC 4648, section 5).
const foreign = 0xff

var values = func() (t [256]byte) {
	for i := range t {
		t[i] = foreign
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

// encoded reports whether text is base64url in its one spelling. The standard library's decoder passes over line breaks, and only a strict one looks at the
// bits behind the last byte (RFC 4648, section 3.5).
func encoded(text []byte) bool {
	var all byte
	for _, b := range text {
		all |= values[b]
	}
	if all&^0x3f != 0 {
		return false
	}
	switch len(text) % 4 {
	case 1:
		return false
	case 2:
		return values[text[len(text)-1]]&0xf == 0
	case 3:
		return values[text[len(text)-1]]&0x3 == 0
	}
	return true
}
