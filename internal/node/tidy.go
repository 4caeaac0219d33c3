package node

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// tidyEvery is how long no connection may have come for a storm to be over.
	tidyEvery = 5 * time.Second
	// storm is how many connections leave enough garbage behind to be worth a collection: each about 20 KiB.
	storm = 500
)

// tidy gives memory back after many connections came at once. A handshake leaves far more garbage than the connection keeps, and a quiet
// heap is collected only every two minutes: until then the process would look, and be billed, twice as large as it is.
func (n *Node) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	var tidied, before uint64
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		opened := n.gateway.Roster().Opened()
		if opened == before && opened-tidied >= storm {
			debug.FreeOSMemory()
			tidied = opened
		}
		before = opened
	}
}
