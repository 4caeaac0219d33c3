package channel

// Name is a channel's name within its tenant. It is made by [Parse] alone, so that whoever holds one need not check it.
// Names are equal when they name the same channel. The zero Name is none.
type Name struct{ text string }

// Parse reads a name. It keeps s and allocates only to refuse.
func Parse(s string) (Name, error) {
	if broken, at := scan(s, false); broken != "" {
		return Name{}, refuse("channel", s, broken, at)
	}
	return Name{s}, nil
}

// MustParse is [Parse] for names that stand in the source. It panics on a malformed one.
func MustParse(s string) Name {
	n, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return n
}

// String returns the name in its one spelling.
func (n Name) String() string { return n.text }

// IsZero reports whether n names no channel.
func (n Name) IsZero() bool { return n.text == "" }
