package presence

// Crowds counts the channels that somebody is on.
func (p *Presence) Crowds() (n int) {
	for i := range p.shards {
		p.shards[i].mu.Lock()
		n += len(p.shards[i].crowds)
		p.shards[i].mu.Unlock()
	}
	return n
}
