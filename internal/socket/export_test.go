package socket

// Writable asks the kernel below a connection.
func Writable(c *Conn) bool { return writable(c.pipe.Conn) }
