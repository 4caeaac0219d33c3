package webhook

import "net/http"

// Bounds, for tests.
const (
	QueueEvents = queueEvents
	QueueBytes  = queueBytes
	BatchEvents = batchEvents
	StoreBytes  = storeBytes
	ShareBytes  = shareBytes
	Linger      = linger
	KeepFor     = keepFor
)

// Through lets all requests of s go through t.
func (s *Settings) Through(t http.RoundTripper) *Settings {
	for _, all := range s.tenants {
		for _, one := range all {
			one.courier = one.courier.With(t)
		}
	}
	return s
}

// Fill pretends that so many bytes wait in all queues.
func (h *Hooks) Fill(bytes int) { h.store.bytes.Add(int64(bytes)) }
