//go:build !unix

package limit

import "time"

// Breath lets those who compute without end stand back until the runtime has asked the kernel who else has something to read.
type Breath struct{}

// Take lets everybody else go first.
func (*Breath) Take() { time.Sleep(pause) }

// Close gives back what it holds.
func (*Breath) Close() {}
