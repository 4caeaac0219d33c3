package client

// chosen takes a subscription that the gateway made by itself, as its frame or the welcome tells. It is called where heard is, before anything of the
// channel is.
func (k *Client) chosen(said *frame) {
	var o FeedOptions
	if k.config.OnFeed != nil && k.config.FeedOptions != nil {
		o = k.config.FeedOptions(said.Channel)
	}
	if f := k.choose(said, o); f != nil {
		k.config.OnFeed(f)
	}
}

// choose has the channel's feed go on with what the gateway chose, and returns it where it is a new one.
func (k *Client) choose(said *frame, o FeedOptions) *Feed {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.feeds[said.Channel]
	known := f != nil
	switch {
	case !known && k.config.OnFeed == nil:
		return nil
	case !known:
		f = k.newFeed(said.Channel, o)
	case f.on.asked || f.leaving: // the answer to what is asked is still to come
		return nil
	}
	f.on.chosen = true
	if f.missing(said) {
		f.on.instead = true
		k.poke()
	} else {
		whole := f.at != (Position{})
		said.Recovered = &whole
		f.begin(said)
	}
	if known {
		return nil
	}
	return f
}

// missing says whether a feed must ask for more than what the gateway chose: for what came before that, or for joins and leaves.
func (f *Feed) missing(said *frame) bool {
	return f.at != (Position{}) && f.at != Position{said.Offset, said.Epoch} || f.options.OnPresence != nil
}

// dropUnchosen ends what the gateway chose on the connection before, and on this one does not. The caller holds mu.
func (k *Client) dropUnchosen() {
	for _, f := range k.feeds {
		if !f.own && !f.on.chosen {
			k.drop(f, &Error{Code: "not_subscribed", Message: "the gateway does not subscribe this client to " + f.channel + " any more"})
		}
	}
}

// unchosen serves the end of what the gateway chose and a feed has not begun with. Where it has asked already, the answer to that counts.
func (k *Client) unchosen(f *Feed, said *frame) {
	switch {
	case f.on.asked || f.leaving:
	case f.own:
		f.on = onConnection{}
	default:
		k.drop(f, said.fault())
	}
}
