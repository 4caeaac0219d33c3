// Package client talks to a Portcullis gateway over one WebSocket, in the subprotocol portcullis.v1.json.
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
//	err = conn.Publish(ctx, "room:1", map[string]string{"text": "hi"})
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
// A connection is not renewed: whoever wants another calls Dial again, and subscribes again. The codes are listed in api/codes.md, the wire
// is told in docs/protocol.md.
package client
