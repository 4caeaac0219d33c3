package realm_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/config"
	"portcullis/internal/realm"
)

// crowdTenant is a tenant as most are, as a service with many customers writes them: one identity service for all, which a claim tells apart, and ten rules with their tests.
const crowdTenant = `id: t%[1]d
origins: ["https://t%[1]d.example", "https://app.t%[1]d.example"]
issuers:
  - issuer: https://id.acme.example
    audience: t%[1]d
    jwks_file: ../acme-jwks.json
limits:
  connections: 500
  messages_per_second: 200
  messages_per_second_per_user: 20
rules:
  - { name: everyone reads the news, allow: [subscribe, history], channels: ["news:**"] }
  - { name: members talk in rooms, allow: [subscribe, publish, echo, history, presence], channels: ["room:*"], for: { roles: [member] } }
  - { name: "a user's own inbox", allow: [subscribe, history], channels: ["user:{user}:**"] }
  - { name: staff, allow: [subscribe, publish, history, presence], channels: ["staff:**", "ops:**"], for: { roles: [operator, admin] } }
  - { name: only operators publish on ops, deny: [publish], channels: ["ops:**"], unless: { roles: [operator] } }
  - { name: devices report, allow: [publish], channels: ["telemetry:{user}", "state:{user}:*"], for: { certificate: true } }
  - { name: dashboards, allow: [subscribe, history], channels: ["telemetry:*", "state:*:*"], for: { scopes: ["telemetry.read"] } }
  - { name: teams, allow: [subscribe, publish, presence], channels: ["team:{claim.team}:**"] }
  - { name: lab, allow: [echo], channels: ["lab:*"] }
  - { name: the backend, allow: [manage], for: { users: [backend], scopes: ["manage"] } }
tests:
  - as: { user: alice, roles: [member] }
    allow: ["publish room:1", "subscribe user:alice:inbox", "subscribe news:world"]
    deny: ["publish ops:deploy", "subscribe user:bob:inbox"]
  - as: { user: olga, roles: [operator] }
    allow: ["publish ops:deploy"]
`

// crowd writes n tenants and returns the main file.
func (w *world) crowd(n int) string {
	w.t.Helper()
	if err := os.Mkdir(filepath.Join(w.dir, "tenants"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	for i := range n {
		w.write(fmt.Sprintf("tenants/t%d.yaml", i), fmt.Sprintf(crowdTenant, i))
	}
	w.write("portcullis.yaml", "listen: {plaintext: true}\ntenants_dir: tenants\n")
	return filepath.Join(w.dir, "portcullis.yaml")
}

// Ten thousand tenants cost what they use. The bound of the time counts the processor's, because the machine may have other work; what is measured on a quiet one stands in
// docs/benchmarks.md.
func TestManyTenantsCostLittle(t *testing.T) {
	n := 500
	if os.Getenv("PORTCULLIS_LONG") != "" {
		n = 10_000
	}
	w := newWorld(t)
	main := w.crowd(n)
	o := realm.Options{Log: slog.New(slog.DiscardHandler), Gate: auth.NewSlots(2)}
	before, start := held(), processor()
	c, problems := config.Load(main)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, problems := realm.Build(c, o)
	if s == nil {
		t.Fatal(problems)
	}
	first := processor() - start
	each := int(held()-before) / n

	w.write("tenants/t7.yaml", strings.Replace(fmt.Sprintf(crowdTenant, 7), "lab:*", "lab:**", 1))
	start, o.Previous = processor(), s
	again, problems := c.Again(main)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	next, problems := realm.Build(again, o)
	if next == nil {
		t.Fatal(problems)
	}
	second := processor() - start
	if d := next.Since(s); len(d.Added)+len(d.Removed) > 0 || len(d.Changed) != 1 || d.Changed[0].String() != "t7" {
		t.Errorf("got %v, want t7 changed", d)
	}
	cores := time.Duration(runtime.GOMAXPROCS(0))
	t.Logf("%d tenants, CPU on %d cores: %v to load, %v to load again with one changed; %d bytes a tenant", n, cores, first, second, each)
	// 5s is what we want for all ten thousand, and a second for one of them; a neighbour's work makes each step dearer, and few tenants are not to hang on a single collection.
	share := func(whole time.Duration) time.Duration {
		return whole*cores*time.Duration(n)/10_000 + time.Second
	}
	if limit := share(8 * time.Second); !raced && first > limit {
		t.Errorf("loading took %v of CPU, want at most %v", first, limit)
	}
	if limit := share(2 * time.Second); !raced && second > limit {
		t.Errorf("loading again with one changed took %v of CPU, want at most %v", second, limit)
	}
	if each > 32<<10 {
		t.Errorf("a tenant holds %d bytes, want at most 32 KiB", each)
	}
	runtime.KeepAlive(c)
	runtime.KeepAlive(s)
}

// held is the memory that is in use.
func held() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// processor is the time that this process has computed.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
