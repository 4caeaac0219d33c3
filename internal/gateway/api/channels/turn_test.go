package channels_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"portcullis/internal/broker"
)

// A tenant's backends ask for more pages than there are cores. Each page is a long piece of work: the next of theirs waits for its turn among all that the tenant makes the node do, and not in front of another tenant's messages.
func TestATenantThatReadsTooMuchWaitsInItsOwnLine(t *testing.T) {
	for name, path := range map[string]string{"history": "/v1/channels/room:1/messages", "presence": "/v1/channels/room:1/presence", "channels": "/v1/channels"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := open(t, `
    channels: [{match: "room:*", history: {messages: 10}, presence: true}]
    rules: [{name: all, allow: [history, presence], channels: ["**"]}, {name: ana manages, allow: [manage], for: {users: [ana]}}]
`, func(_ *counter, engine broker.Broker) broker.Broker { return engine })
				turns := 0
				for k.rota.TryTake() {
					turns++
				}
				answered := make(chan int, 1)
				go func() { answered <- k.answer(k.request(http.MethodGet, path, "")).Code }()
				synctest.Wait()
				if len(answered) != 0 {
					t.Error("it was answered while the tenant's turns were taken")
				}
				for range turns {
					k.rota.Give()
				}
				if code := <-answered; code != http.StatusOK {
					t.Errorf("got %d, want 200", code)
				}
			})
		})
	}
}
