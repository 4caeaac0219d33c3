package limit_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/internal/limit"
)

// Whoever asks beside its connections uses up what these may send: a second way in is no second budget.
func TestQuestionsCountLikeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := limit.NewTenant(limit.Limits{MessagesPerSecond: 100, MessagesPerSecondPerUser: 10})
		place, _ := account.Enter("ana")
		if over := account.Ask(time.Now(), "ana", 19); over.Any() {
			t.Fatalf("19 of a burst of 20: %v", over)
		}
		if over := place.Message(time.Now(), 1); over.Any() {
			t.Errorf("the twentieth message: %v", over)
		}
		if over := place.Message(time.Now(), 1); over.Quota != limit.MessagesPerSecondPerUser {
			t.Errorf("got %v of the next, want %v", over, limit.MessagesPerSecondPerUser)
		}
		if over := account.Ask(time.Now(), "ana", 5); over != (limit.Over{Quota: limit.MessagesPerSecondPerUser, Retry: 500 * time.Millisecond}) {
			t.Errorf("got %v of five more, want the user's limit and half a second", over)
		}
		for i := range 9 {
			account.Ask(time.Now(), fmt.Sprint("user", i), 20)
		}
		if over := account.Ask(time.Now(), "user10", 20); over.Quota != limit.MessagesPerSecond {
			t.Errorf("got %v, want the tenant's limit", over)
		}
		time.Sleep(2 * time.Second)
		if over := account.Ask(time.Now(), "ana", 20); over.Any() {
			t.Errorf("two seconds later: %v", over)
		}
	})
}

// Users without a connection cost nothing for longer than it takes their rate to fill.
func TestAskersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := limit.NewTenant(limit.Limits{MessagesPerSecondPerUser: 10})
		for round := range 100 {
			for i := range 100 {
				account.Ask(time.Now(), fmt.Sprintf("user%d-%d", round, i), 20)
			}
			time.Sleep(2 * time.Second)
		}
		if n := account.Users(); n > 250 {
			t.Errorf("%d users are remembered of 100 every two seconds", n)
		}
	})
}
