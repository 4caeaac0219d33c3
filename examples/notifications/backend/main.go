// Command backend tells a user something, as any backend does: one request over HTTP. It may be run again with the same key: the user hears it once.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	gateway := flag.String("url", "http://127.0.0.1:8080", "the gateway")
	key := flag.String("key", "", "what this notification is called, such as order-17-shipped")
	flag.Parse()
	if flag.NArg() != 2 || *key == "" {
		log.Fatal("say whom to tell, and what: backend --key order-17-shipped ana 'Your parcel has left'")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	at, err := notify(ctx, *gateway, os.Getenv("PORTCULLIS_TOKEN"), *key, flag.Arg(0), flag.Arg(1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("told %s, at offset %d\n", flag.Arg(0), at)
}

// notify publishes on the user's inbox until the gateway has it, and returns where it stands there.
func notify(ctx context.Context, gateway, token, key, user, text string) (offset uint64, err error) {
	body, err := json.Marshal(map[string]any{"data": map[string]string{"text": text}})
	if err != nil {
		return 0, err
	}
	target := gateway + "/v1/channels/" + url.PathEscape("user:"+segment(user)+":inbox") + "/messages"
	for {
		offset, wait, err := post(ctx, target, token, key, body)
		if wait == 0 {
			return offset, err
		}
		log.Printf("%v; again in %v", err, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return 0, err
		}
	}
}

// segment writes a user as one segment of a channel's name: a user may be called anything.
func segment(user string) (s string) {
	for _, c := range []byte(user) {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~@+=|", c) >= 0 {
			s += string(c)
		} else {
			s += fmt.Sprintf("%%%02X", c)
		}
	}
	return s
}

// post sends it once. wait is when another attempt may help, and harms nobody because of the key; 0 where none does.
func post(ctx context.Context, target, token, key string, body []byte) (offset uint64, wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, time.Second, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, time.Second, err
	}
	var said struct {
		Offset       uint64
		Code, Detail string
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", answer.Status, err)
	}
	if answer.StatusCode < 300 {
		return said.Offset, 0, nil
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // 429 and 503 have it
	return 0, time.Duration(seconds) * time.Second, fmt.Errorf("%s: %s", said.Code, said.Detail)
}
