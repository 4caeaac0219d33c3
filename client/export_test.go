package client

// Held counts what the connection keeps for requests without an answer, and for subscriptions.
func (c *Conn) Held() (calls, subscriptions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls), len(c.subscriptions)
}
