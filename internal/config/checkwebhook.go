package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// mostWebhooks keeps what one tenant's dead receivers may hold in memory in proportion.
const mostWebhooks = 8

func (t *Tenant) checkWebhooks(add func(Problem)) {
	if len(t.Webhooks) > mostWebhooks {
		add(t.Problem("webhooks", "there are %d, and each event would be told as often; a tenant may have %d, so let one receiver pass on what others need", len(t.Webhooks), mostWebhooks))
	}
	first := make(map[string]int)
	for i := range t.Webhooks {
		path := fmt.Sprintf("webhooks[%d]", i)
		if !t.isMapping(path) {
			continue
		}
		w := &t.Webhooks[i]
		t.checkWebhook(path, w, add)
		if j, again := first[w.URL]; again && w.URL != "" {
			add(t.Problem(path+".url", "is the address of webhooks[%d] too, whose queue it would share; write one webhook, or another path", j))
			continue
		}
		first[w.URL] = i
	}
}

func (t *Tenant) checkWebhook(path string, w *Webhook, add func(Problem)) {
	if w.URL != "" {
		if err := checkWebhookURL(w.URL); err != nil {
			add(t.Problem(path+".url", "%v", err))
		}
	}
	ofChannels := slices.ContainsFunc(w.Events, func(e string) bool { return e != "" && !strings.HasPrefix(e, "connection.") })
	if t.has(path+".channels") && len(w.Events) > 0 && !ofChannels {
		add(t.Problem(path+".channels", "narrows nothing: no event of a connection is about a channel; remove it, or add such an event"))
	}
	if w.Payload && len(w.Events) > 0 && !slices.Contains(w.Events, "message.published") {
		add(t.Problem(path+".payload", "is for message.published, which is not among the events; remove it, or add the event"))
	}
	for i, e := range w.Events {
		if e != "" && slices.Index(w.Events, e) < i {
			add(t.Problem(fmt.Sprintf("%s.events[%d]", path, i), "%q is there twice; remove one of the two", e))
		}
	}
	if w.PreviousSecretFile != "" && w.PreviousSecretFile == w.SecretFile {
		add(t.Problem(path+".previous_secret_file", "is the file of secret_file too; name the other secret, or remove it"))
	}
	if w.AuthoritiesFile != "" && strings.HasPrefix(w.URL, "http:") {
		add(t.Problem(path+".authorities_file", "is for https, and the url is http, where nobody shows a certificate; remove it"))
	}
}

// checkWebhookURL allows plain http only on this machine: whoever can read on the way would read who talks to whom. Its errors leave out the query, which may hold a key.
func checkWebhookURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return fmt.Errorf("is no address of a receiver; write it like https://backend.example/portcullis")
	}
	name := u.Scheme + "://" + u.Host + u.EscapedPath()
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || port == 0) {
		return fmt.Errorf("%q has no port between 1 and 65535; correct it, or leave it out for that of the scheme", name)
	}
	switch {
	case u.User != nil:
		return fmt.Errorf("holds a user or password for %q, and addresses stand in logs; take it out, the receiver knows us by the signature", u.Host)
	case u.Fragment != "":
		return fmt.Errorf("%q has a fragment, which is never sent; remove it", name)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return fmt.Errorf("%q must be https; only on this machine (127.0.0.1, ::1, localhost) http is allowed", name)
	}
	return nil
}
