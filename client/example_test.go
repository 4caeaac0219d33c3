package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"portcullis/client"
)

func Example() {
	gateway := startGateway() // a small one for this example; yours is at wss://...
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	conn, err := client.Dial(ctx, client.Options{
		URL:   gateway.URL,
		Token: func(context.Context) (string, error) { return "a token of your identity service", nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.Welcome().User, "of", conn.Welcome().Tenant)

	back, err := conn.Echo(ctx, "lab:rtt", "Hello, Secure World!")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Echo: %s\n", back)

	room, err := conn.Subscribe(ctx, "room:1")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := conn.Publish(ctx, "room:1", map[string]string{"text": "hi"}); err != nil {
		log.Fatal(err)
	}
	m, err := room.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s on %s: %s\n", m.From.User, m.Channel, m.Data)

	// Output:
	// ana of acme
	// Echo: "Hello, Secure World!"
	// ana on room:1: {"text":"hi"}
}

// A request that is refused tells why, and the connection stays.
func ExampleError() {
	gateway := startGateway()
	defer gateway.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := client.Dial(ctx, client.Options{URL: gateway.URL, Token: gateway.Token})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	_, err = conn.Publish(ctx, "ops:deploy", "now")
	if refused, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(refused.Code)
		fmt.Println(refused.Message)
	}
	fmt.Println(conn.Err())

	// Output:
	// forbidden
	// publish on ops:deploy is not allowed
	// <nil>
}

// The end of a connection says what to do about it.
func ExampleCloseError() {
	gateway := startGateway()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := client.Dial(ctx, client.Options{URL: gateway.URL, Token: gateway.Token})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	gateway.Close() // somebody deploys
	<-conn.Done()
	if end, ok := errors.AsType[*client.CloseError](conn.Err()); ok {
		fmt.Println(end)
		switch end.Advice() {
		case client.Reconnect:
			fmt.Println("dial again after", end.Retry)
		case client.BackOff:
			fmt.Println("dial again after a pause that grows")
		case client.Renew:
			fmt.Println("get a new token, then dial")
		case client.Stop:
			fmt.Println("give up")
		}
	}

	// Output:
	// the connection was closed: 4000 draining, retry after 500ms
	// dial again after 500ms
}
