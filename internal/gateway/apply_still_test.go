package gateway_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// However long an Apply takes, deliveries to whoever loses nothing do not wait for it. Here it takes as long as bob needs to hear ten messages: it stands still while ana's
// subscription is taken, or while she is told.
func TestDeliveriesDoNotWaitForAnApply(t *testing.T) {
	for name, at := range map[string]func(*tally) *func(){
		"while a subscription is taken": func(l *tally) *func() { return &l.losing },
		"while its client is told":      func(l *tally) *func() { return &l.telling },
	} {
		t.Run(name, func(t *testing.T) {
			d := openAs(t, everything)
			stands, goOn := make(chan struct{}), make(chan struct{})
			var once sync.Once
			*at(d.tally) = func() {
				once.Do(func() {
					close(stands)
					<-goOn
				})
			}
			ana, bob, carol := d.comes(t, d.token("ana")), d.comes(t, d.token("bob")), d.comes(t, d.token("carol"))
			for l, text := range map[*line]string{ana: subscribe(1, "taken:1"), bob: subscribe(1, "room:1")} {
				l.say(text, ping)
				if _, _, err := l.until(99); err != nil {
					t.Fatal(err)
				}
			}
			var applying sync.WaitGroup
			applying.Go(func() { d.apply(t, d.snapshot(allBut("taken:*"))) })
			defer applying.Wait()
			defer close(goOn)
			<-stands
			for i := range 10 {
				carol.say(fmt.Sprintf(`{"type":"publish","channel":"room:1","data":%d}`, i))
				bob.SetReadDeadline(time.Now().Add(10 * time.Second))
				if h, err := bob.next(); err != nil || h.Type != "message" {
					t.Fatalf("message %d: got %+v, %v; want it while the Apply stands still", i, h, err)
				}
			}
		})
	}
}
