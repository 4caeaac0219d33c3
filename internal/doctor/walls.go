package doctor

// Wall is something that keeps tenants apart.
type Wall struct {
	Name  string
	Tries string
	Must  string
	// One of these tries it: each for every pair of tenants in both directions, once for the whole node, at the end.
	each func(*visit)
	once func(*visit)
}

// Walls is everything that is tried, in this order.
var Walls = []Wall{
	{
		Name: "rules", Tries: "ask a tenant's rules about another tenant's user: every action, and manage",
		Must: "the answer is tenant_mismatch, and the tenant's own user is none", each: rules,
	},
	{
		Name: "publish", Tries: "publish on a name that another tenant's user hears",
		Must: "the other hears their own, and nothing of it", each: publish,
	},
	{
		Name: "echo", Tries: "echo on a name that another tenant's user hears",
		Must: "the other hears nothing of it", each: echo,
	},
	{
		Name: "subscribe", Tries: "subscribe to a name that another tenant's user hears, and leave it",
		Must: "one's own is heard and nothing else; the other's subscription stays", each: subscribe,
	},
	{
		Name: "backends", Tries: "publish over HTTP on a name that another tenant's user hears, and with an idempotency key that they used",
		Must: "the other hears their own, and nothing of it; the key is a new one", each: backends,
	},
	{
		Name: "history", Tries: "read what another tenant's channel of the same name keeps, continue there from its position, and look into the engine",
		Must: "nothing is there", each: history,
	},
	{
		Name: "purge", Tries: "purge a name on which another tenant keeps history",
		Must: "one's own is forgotten, and the other's stays", each: purge,
	},
	{
		Name: "presence", Tries: "ask who is on a name where another tenant's user is, and hear who comes",
		Must: "one's own are there, and nobody else", each: presence,
	},
	{
		Name: "channels", Tries: "list the channels of a tenant while another tenant's user hears a name",
		Must: "the name is not among them", each: channels,
	},
	{
		Name: "manage", Tries: "list, show, subscribe, unsubscribe and disconnect another tenant's connection, of users who do not exist, and look for one of those who do",
		Must: "it is not there, and nothing happens to it", each: manage,
	},
	{
		Name: "revoke", Tries: "revoke a user, token, session, key and certificate that another tenant's user has too, and lift it from there",
		Must: "nobody of the other tenant ends, and only the tenant itself lifts it", each: revoke,
	},
	{
		Name: "tickets", Tries: "redeem tickets of both tenants",
		Must: "each counts once, for its own tenant's user", each: tickets,
	},
	{
		Name: "answers", Tries: "ask about a name that another tenant's user hears, and about one that nobody has",
		Must: "the answers are the same to the byte", each: answers,
	},
	{
		Name: "timing", Tries: "ask the same many times by turns, and compare the medians",
		Must: "the one is not slower than the other", each: timing,
	},
	{
		Name: "names", Tries: "use names that are the gateway's, and names that try to say a tenant",
		Must: "bad_channel", each: names,
	},
	{
		Name: "snapshot", Tries: "look at what the tenants of the running configuration hold",
		Must: "no two share rules, an account, or what is set and chosen of channels", once: snapshot,
	},
	{
		Name: "metrics", Tries: "read /metrics and /metrics/tenants",
		Must: "only the label tenant of the second names a tenant, and nothing anything of this run", once: metrics,
	},
}
