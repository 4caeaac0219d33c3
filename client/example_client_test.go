package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"portcullis/client"
)

// A Client stays: its connection breaks, and what is said meanwhile comes on the next one. Publications go on too.
func ExampleConnect() {
	gateway := startWholeGateway() // one for this example; yours is at wss://...
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	ana, err := client.Connect(client.Config{Options: gateway.Options("ana")}) // URL and Token
	if err != nil {
		log.Fatal(err)
	}
	defer ana.Close()
	ben, err := client.Connect(client.Config{Options: gateway.Options("ben")})
	if err != nil {
		log.Fatal(err)
	}
	defer ben.Close()

	room, err := ben.Subscribe(ctx, "room:1", client.FeedOptions{
		OnGap: func(g client.Gap) { fmt.Println("load what you show anew:", g.Reason) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"before", "meanwhile"} {
		if text == "meanwhile" {
			gateway.Cut() // everybody's connection breaks
		}
		if _, err := ana.Publish(ctx, "room:1", text); err != nil {
			log.Fatal(err)
		}
	}
	for range 2 {
		m, err := room.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", m.From.User, m.Data)
	}

	// Output:
	// ana: "before"
	// ana: "meanwhile"
}

// A Client that is told how its connection does, and has a way to get a token that is new for certain.
func ExampleConfig() {
	gateway := startWholeGateway()
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	options := gateway.Options("ana")
	c, err := client.Connect(client.Config{
		Options: options, // Token may return what it holds
		Renew:   func(ctx context.Context) (string, error) { return options.Token(ctx) },
		OnState: func(now client.State) {
			switch now.Phase {
			case client.Connected:
				fmt.Println("connected as", now.Welcome.User)
			case client.Waiting:
				fmt.Println("back in", now.Wait, "after", now.Err)
			case client.Ended:
				fmt.Println("ended:", now.Err)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Ping(ctx); err != nil { // requests wait for the connection
		log.Fatal(err)
	}
	c.Close()

	// Output:
	// connected as ana
	// ended: the connection was closed by this client
}

func ExampleClient_Publish() {
	gateway := startWholeGateway()
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Connect(client.Config{Options: gateway.Options("ana")})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	for _, channel := range []string{"room:1", "bare:1", "ops:1"} {
		published, err := c.Publish(ctx, channel, map[string]string{"text": "hi"})
		refused, _ := errors.AsType[*client.Error](err)
		switch {
		case errors.Is(err, client.ErrUncertain):
			fmt.Println("nobody knows whether it was published on", channel)
		case refused != nil:
			fmt.Println("refused:", refused.Message)
		case err != nil:
			fmt.Println("not published:", err)
		default:
			fmt.Println("published on", channel, "at offset", published.Offset)
		}
	}

	// Output:
	// published on room:1 at offset 1
	// published on bare:1 at offset 0
	// refused: publish on ops:1 is not allowed
}

// The newest messages first, until there are enough of them.
func ExampleClient_History() {
	gateway := startWholeGateway()
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Connect(client.Config{Options: gateway.Options("ana")})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for n := range 5 {
		if _, err := c.Publish(ctx, "room:1", n); err != nil {
			log.Fatal(err)
		}
	}

	enough := 3
	for m, err := range c.History(ctx, "room:1", client.HistoryOptions{Reverse: true, Page: 2}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", m.Data)
		if enough--; enough == 0 {
			break
		}
	}

	// Output:
	// 4
	// 3
	// 2
}

// Who is there: ask whenever what was known is old, and add and take away what is told behind that.
func ExampleClient_Presence() {
	gateway := startWholeGateway()
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Connect(client.Config{Options: gateway.Options("ana")})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	there := make(map[string]bool)
	room, err := c.Subscribe(ctx, "room:1", client.FeedOptions{OnPresence: func(e client.PresenceEvent) {
		switch e.Kind {
		case client.Anew:
			clear(there)
			now, err := c.Presence(ctx, "room:1")
			if err != nil {
				log.Fatal(err)
			}
			for _, m := range now.Members {
				there[m.User] = true
			}
		case client.Joined:
			there[e.Member.User] = true
		case client.Left:
			delete(there, e.Member.User)
		}
	}})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Publish(ctx, "room:1", "who is there?"); err != nil {
		log.Fatal(err)
	}
	if _, err := room.Next(ctx); err != nil { // it calls OnPresence on its way
		log.Fatal(err)
	}
	fmt.Println(there)

	// Output:
	// map[ana:true]
}

// What the gateway subscribes a user to by itself, such as an inbox, comes to OnFeed.
func ExampleConfig_onFeed() {
	gateway := startWholeGateway() // its tenant subscribes everybody to room:chosen
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	heard := make(chan client.Message)
	c, err := client.Connect(client.Config{
		Options: gateway.Options("ana"),
		FeedOptions: func(channel string) client.FeedOptions {
			return client.FeedOptions{OnGap: func(g client.Gap) { fmt.Println(channel, "has a gap:", g.Reason) }}
		},
		OnFeed: func(f *client.Feed) {
			go func() { // ends with the feed
				for {
					m, err := f.Next(context.Background())
					if err != nil {
						return
					}
					heard <- m
				}
			}()
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Publish(ctx, "room:chosen", "for everybody"); err != nil {
		log.Fatal(err)
	}
	m := <-heard
	fmt.Printf("%s: %s\n", m.Channel, m.Data)

	// Output:
	// room:chosen: "for everybody"
}
