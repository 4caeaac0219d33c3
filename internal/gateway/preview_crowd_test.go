package gateway_test

import (
	"runtime"
	"testing"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/gateway/preview"
	"portcullis/internal/tenant"
)

// Whoever asks what other rules would do takes nothing from anybody, and those who listen to something else hardly notice.
func TestACrowdDoesNotNoticeAPreview(t *testing.T) {
	size := sized(500, 10_000)
	if raced {
		size = 500
	}
	c := gather(t, size)
	acme := c.realms.Current().Tenant(tenant.MustParse("acme"))
	rules := []acl.Rule{{Name: "shared alone", Allow: []string{"subscribe", "publish"}, Channels: []string{"shared:**", "live:*"}}}
	then, problems := acl.Compile(acme.ID, rules)
	if then == nil {
		t.Fatal(problems)
	}
	runtime.GC()
	quiet := c.speak(t, func() { time.Sleep(500 * time.Millisecond) })
	var took time.Duration
	asked := c.speak(t, func() {
		start := time.Now()
		p := preview.Of(preview.Side{Rules: acme.Policy}, preview.Side{Rules: then}, rules, c.Roster().Of(acme.ID))
		took = time.Since(start)
		if want := c.size * crowdOwn / 2; p.Connections != c.size || p.LostSubscriptions != want {
			t.Errorf("got %d of %d connections, want %d of %d", p.LostSubscriptions, p.Connections, want, c.size)
		}
		time.Sleep(100 * time.Millisecond)
	})
	if lost, stray := c.lost.Load(), c.stray.Load(); lost != 0 || stray != 0 {
		t.Errorf("%d subscriptions were lost, and %d frames came that may not", lost, stray)
	}
	t.Logf("%d connections: %v; deliveries %v, without it %v", c.size, took, asked, quiet)
	if most := quiet.most + 500*time.Millisecond; !raced && asked.most > most {
		t.Errorf("a delivery took %v, want at most %v: %v without", asked.most, most, quiet.most)
	}
}
