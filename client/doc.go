// Package client talks to a Portcullis gateway over a WebSocket, in the subprotocol portcullis.v1.json.
//
// # Two ways
//
// A [Conn] is one connection, and ends with it. A [Client] stays: where its connection ends it makes another, as the close code asks for, and its
// subscriptions continue where they were. Programs that run for long want a Client:
//
//	c, err := client.Connect(client.Config{Options: client.Options{URL: "wss://edge.example.com", Token: idService.AccessToken}})
//	defer c.Close()
//	feed, err := c.Subscribe(ctx, "room:1", client.FeedOptions{
//		OnGap: func(g client.Gap) { reload() }, // what was missed is not stored any more
//	})
//	for {
//		m, err := feed.Next(ctx)
//		...
//	}
//
// On a channel that keeps history a [Feed] delivers each message once and in order, over as many connections as it takes, or tells a [Gap]. On one
// that keeps none each new connection is a gap. [Client.Publish] repeats a publication whose answer was lost, where that does no harm, and else
// says that nobody knows ([ErrUncertain]). [Client.History] reads what is kept, [Client.Presence] who is there. [Client.State] and Config.OnState tell
// how the connection is doing.
//
// What members of a channel encrypt for each other is published as [Sealed], and [Message].Encryption says that it came so. The package client/e2ee seals and opens it.
//
// A gateway may subscribe a user to channels by itself, such as their inbox. Config.OnFeed gets a feed of each, which continues as others do: where
// something was said between two connections the client asks for it, and tells a Gap where it is not stored any more.
//
// How long a Client waits depends on the end: after a 40xx as long as the gateway asks; after a 41xx, a lost connection or a handshake that failed
// a random time, whose bound doubles up to 30 seconds, on top of what the gateway asks; after a 42xx or a 401 not at all, the first time, but with
// a new credential (Config.Renew). Everything else ends the Client, and [Client.Err] tells. A token is also replaced before its end, on the
// connection that there is.
//
// The rest of this page is about a Conn.
//
// # Connecting
//
// [Dial] shows a credential, waits until the gateway has said who the client is to it, and returns a [Conn]:
//
//	conn, err := client.Dial(ctx, client.Options{
//		URL:   "wss://edge.example.com",
//		Token: func(ctx context.Context) (string, error) { return idService.AccessToken(ctx) },
//	})
//	if refused, ok := errors.AsType[*client.RefusedError](err); ok && refused.Advice() == client.Renew {
//		// The token was not believed, or its time is over.
//	}
//	defer conn.Close()
//
// A client certificate goes into [Options].TLS instead of a token.
//
// # Speaking and listening
//
// Every request is one call, with a context; any number may run at the same time, from any goroutine:
//
//	back, err := conn.Echo(ctx, "lab:rtt", "Hello, Secure World!") // back to this client alone
//	_, err = conn.Publish(ctx, "room:1", map[string]string{"text": "hi"})
//
// What a channel says waits in its [Subscription] until it is asked for:
//
//	sub, err := conn.Subscribe(ctx, "room:1")
//	for {
//		m, err := sub.Next(ctx)
//		if err != nil {
//			return err
//		}
//		fmt.Printf("%s: %s\n", m.From.User, m.Data)
//	}
//
// A subscription holds 1,024 messages, or 4 MiB of them, for a caller that is slower than its channel. When it is full the oldest is dropped,
// and [Message].Lost of the next one tells how many were. Nothing else waits for a slow caller: replies, pings and other channels go on.
//
// # What goes wrong
//
// A request that the gateway refuses returns an [*Error] with the code of the wire, and the connection stays. One whose context ends returns the
// context's error; whether a publication that was on its way arrived is then unknown. When the connection ends, everything that waits returns
// what [Conn.Err] tells: [ErrClosed] after Close, else a [*CloseError], whose Advice says whether to reconnect, and how.
//
// A Conn is not renewed: whoever wants another calls Dial again, and subscribes again, or has a Client do it. The codes are listed in api/codes.md, the wire
// is told in docs/protocol.md.
package client
