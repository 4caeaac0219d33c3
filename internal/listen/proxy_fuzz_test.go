package listen

import (
	"bytes"
	"net"
	"testing"
)

// FuzzProxyHeader: what is read begins with the signature and version 2, and is read to its last byte and not beyond; an address comes from a header that holds it.
func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02GET"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"))
	f.Add([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bytes.NewReader(text)
		h, err := readHeader(r)
		if err != nil {
			return
		}
		read := len(text) - r.Len()
		if !bytes.HasPrefix(text, signature) || text[12]>>4 != 2 || read != fixedHeader+int(text[14])<<8+int(text[15]) {
			t.Fatalf("%q was read, %d bytes of it", text, read)
		}
		if a, ok := h.SourceAddr.(*net.TCPAddr); ok && !h.Command.IsLocal() {
			ip := a.IP.To4()
			if ip == nil {
				ip = a.IP
			}
			if !bytes.Contains(text[fixedHeader:read], ip) {
				t.Fatalf("%v does not stand in %q", a, text)
			}
		}
	})
}
