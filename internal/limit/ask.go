package limit

import "time"

// Ask counts n questions of a user who asks beside its connections, each like a message of that user and of the tenant. When one limit is over it returns which, and
// after how long a retry helps.
func (t *Tenant) Ask(now time.Time, user string, n int) Over {
	if retry, ok := t.visitor(now, user).messages.Load().Take(now, n); !ok {
		return t.counts.refuse(Over{MessagesPerSecondPerUser, retry})
	}
	if retry, ok := t.terms.Load().messages.Take(now, n); !ok {
		return t.counts.refuse(Over{MessagesPerSecond, retry})
	}
	return Over{}
}

// visitor returns the account of a user who may have no connection. Like that of one who left it is kept until its rate is full again.
func (t *Tenant) visitor(now time.Time, name string) *User {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.users[name]; u != nil {
		return u
	}
	if t.left > len(t.users)/2 {
		t.forget(now)
	}
	u := new(User)
	u.messages.Store(NewRate(t.terms.Load().limits.MessagesPerSecondPerUser))
	t.users[name] = u
	t.left++
	return u
}

// Weigh counts what such a user sent, once it is there: so many messages, which Ask was asked about, of size bytes together.
func (t *Tenant) Weigh(now time.Time, messages, size int) Over {
	t.counts.received.Add(uint64(messages))
	t.counts.receivedBytes.Add(uint64(size))
	if retry, ok := t.terms.Load().bytes.Take(now, size); !ok {
		return t.counts.refuse(Over{BytesPerSecond, retry})
	}
	return Over{}
}
