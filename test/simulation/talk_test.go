package simulation_test

import "time"

// talk lets everybody of a loud world say much for a moment, while one of them reads slowly: its outbox is full then.
func (w *world) talk(crawls *client) {
	if !w.loud {
		return
	}
	w.mu.Lock()
	w.talks = time.Now().Add(4 * time.Second)
	w.mu.Unlock()
	crawls.crawls.Store(true)
	time.Sleep(5 * time.Second)
	crawls.crawls.Store(false)
}

func (w *world) talking() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Before(w.talks)
}

// length is how long a message is beside its number.
func (w *world) length() int {
	if w.talking() {
		return 30_000 + w.roll(20_000)
	}
	return w.roll(200)
}

// topic is a channel to speak on. When everybody says much it is mostly the one that ends the connections of slow readers: what others say is dropped for that.
func (w *world) topic() string {
	if w.talking() && w.roll(2) == 0 {
		return channels[0]
	}
	return channels[w.roll(len(channels))]
}

// pause is how long somebody says nothing.
func (w *world) pause() time.Duration {
	if w.talking() {
		return time.Duration(20+w.roll(40)) * time.Millisecond
	}
	return time.Duration(1+w.roll(2000)) * time.Millisecond
}
