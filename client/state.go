package client

import "time"

// Phase is where a [Client] is.
type Phase string

// The phases.
const (
	Connecting Phase = "connecting" // a handshake is on its way
	Connected  Phase = "connected"  // requests are answered
	Waiting    Phase = "waiting"    // before the next attempt
	Ended      Phase = "ended"      // there will be no other attempt
)

// State is what a [Client] is at.
type State struct {
	Phase   Phase
	Welcome Welcome       // of the connection, in Connected
	Err     error         // what ended the last connection or attempt, in Waiting and Ended; what hindered a refresh, in Connected
	Wait    time.Duration // until the next attempt, in Waiting
}

// State returns what the client is at.
func (k *Client) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// tell changes the state. Only the keeping goroutine calls it, so that OnState hears all in order.
func (k *Client) tell(s State) {
	k.mu.Lock()
	k.state = s
	k.mu.Unlock()
	if k.config.OnState != nil {
		k.config.OnState(s)
	}
}
