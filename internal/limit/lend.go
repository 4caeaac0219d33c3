package limit

// lentMost is how many bytes all requests of a tenant over HTTP may hold at a time: bodies that are still coming, and answers that are not read yet. The loser is the newcomer. It is beside what waits for slow
// readers: those must not keep a backend from publishing.
const lentMost = 32 << 20

// Lend counts bytes that a request over HTTP holds while it is served. It returns how to give them back, once; ok is false where there is no room for them.
func (t *Tenant) Lend(size int) (back func(), ok bool) {
	for {
		was := t.lent.Load()
		if was+int64(size) > lentMost {
			return nil, false
		}
		if t.lent.CompareAndSwap(was, was+int64(size)) {
			return func() { t.lent.Add(-int64(size)) }, true
		}
	}
}
