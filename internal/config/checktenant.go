package config

// leastOutbox is what a connection may have in its outbox.
const leastOutbox = 1 << 20

// check finds what is wrong with one tenant beyond single values.
func (t *Tenant) check() (problems []Problem) {
	add := func(p Problem) { problems = append(problems, p) }
	t.checkOrigins(add)
	if !t.has("issuers") && !t.has("certificates") {
		add(t.Problem("", "nobody can come in; give issuers, certificates or both"))
	}
	t.checkIssuers(add)
	t.checkCertificates(add)
	if o := t.Limits.Outbox; o != Unlimited && o < leastOutbox {
		add(t.Problem("limits.outbox", "%v is less than %v, which one slow client may use; make it larger", Size(o), Size(leastOutbox)))
	}
	t.checkMessageSize("bytes_per_second", t.Limits.BytesPerSecond, add)
	t.checkMessageSize("bytes_per_second_per_connection", t.Limits.BytesPerSecondPerConnection, add)
	t.checkChannels(add)
	t.checkChoices(add)
	if len(t.Rules) == 0 && (t.Rules != nil || !t.has("rules")) {
		add(t.Warning("rules", "there are none, so that nobody may do anything; add a rule with allow"))
	}
	t.checkRules("", t.Rules, t.Tests, add)
	t.checkWebhooks(add)
	if c := t.Candidate; c != nil {
		t.checkRules("candidate", c.Rules, c.Tests, add)
	}
	return problems
}

// checkMessageSize finds a message that may be sent and would always be too much for a rate.
func (t *Tenant) checkMessageSize(rate string, perSecond ByteLimit, add func(Problem)) {
	if burst := 2 * int(perSecond); burst != Unlimited && int(t.Limits.MessageSize) > burst {
		add(t.Problem("limits.message_size", "%v does not fit into the burst of %s, which is %v; "+
			"make the one smaller or the other larger", t.Limits.MessageSize, rate, Size(burst)))
	}
}
