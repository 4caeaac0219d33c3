// Command device is a thing with a client certificate instead of a token: it reports what it measures, and does what it is told. It stays connected, over
// as many connections as it takes.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"os/signal"
	"time"

	"portcullis/client"
)

func main() {
	url := flag.String("url", "wss://127.0.0.1:8443", "the gateway")
	ca := flag.String("ca", "", "PEM `file` of the authority of the gateway's certificate")
	cert, key := flag.String("cert", "", "PEM `file` of the device's certificate"), flag.String("key", "", "PEM `file` of its key")
	every := flag.Duration("every", time.Second, "how often it reports")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *url, *ca, *cert, *key, *every); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, ca, cert, key string, every time.Duration) error {
	secure, err := trust(ca, cert, key)
	if err != nil {
		return err
	}
	named := make(chan string, 1) // what the gateway calls this device
	c, err := client.Connect(client.Config{
		Options: client.Options{URL: url, TLS: secure},
		OnState: func(s client.State) {
			if log.Print(s.Phase); s.Err != nil {
				log.Print(s.Err)
			}
			if s.Phase == client.Connected {
				select {
				case named <- s.Welcome.Segment:
				default:
				}
			}
		},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	var name string
	select {
	case name = <-named:
	case <-c.Done():
		return c.Err() // the gateway does not want it, and says why
	case <-ctx.Done():
		return nil
	}
	commands, err := c.Subscribe(ctx, "telemetry:"+name+":commands", client.FeedOptions{})
	if err != nil {
		return err
	}
	go report(ctx, c, "telemetry:"+name, every) // ends with the program
	for {
		command, err := commands.Next(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("%s says %s\n", command.From.User, command.Data)
	}
}

// report publishes a reading again and again. One that is late is worth nothing: it is dropped where there is no connection in time.
func report(ctx context.Context, c *client.Client, channel string, every time.Duration) {
	for range time.Tick(every) {
		soon, cancel := context.WithTimeout(ctx, every)
		if _, err := c.Publish(soon, channel, map[string]float64{"celsius": 20 + math.Sin(float64(time.Now().Unix()))}); err != nil {
			log.Print(err)
		}
		cancel()
	}
}

func trust(ca, cert, key string) (*tls.Config, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, err
}
