package config_test

import (
	"encoding"
	"fmt"
	"testing"
	"time"

	"portcullis/internal/config"
)

func TestValues(t *testing.T) {
	tests := []struct {
		into encoding.TextUnmarshaler
		text string
		want any // nil: refused
	}{
		{new(config.Duration), "30s", 30 * time.Second},
		{new(config.Duration), "1h30m", 90 * time.Minute},
		{new(config.Duration), "0", time.Duration(0)},
		{new(config.Duration), "30", nil},
		{new(config.Duration), "1.5", nil},
		{new(config.Duration), "-30s", nil},
		{new(config.Duration), "+30s", nil},
		{new(config.Duration), "1d", nil},
		{new(config.Duration), "", nil},
		{new(config.Size), "0", 0},
		{new(config.Size), "65536", 65536},
		{new(config.Size), "64KiB", 65536},
		{new(config.Size), "1MiB", 1 << 20},
		{new(config.Size), "1GiB", 1 << 30},
		{new(config.Size), "2GiB", nil},
		{new(config.Size), "9999999999GiB", nil},
		{new(config.Size), "64KB", nil},
		{new(config.Size), "64kib", nil},
		{new(config.Size), "64 KiB", nil},
		{new(config.Size), "1.5MiB", nil},
		{new(config.Size), "KiB", nil},
		{new(config.Size), "-1", nil},
		{new(config.Limit), "1", 1},
		{new(config.Limit), "1000000000", 1000000000},
		{new(config.Limit), "unlimited", config.Unlimited},
		{new(config.Limit), "0", nil},
		{new(config.Limit), "Unlimited", nil},
		{new(config.Limit), "1e3", nil},
		{new(config.Limit), "0x10", nil},
		{new(config.Count), "1", 1},
		{new(config.Count), "0", nil},
		{new(config.Count), "unlimited", nil},
		{new(config.Count), "-1", nil},
		{new(config.ByteLimit), "1MiB", 1 << 20},
		{new(config.ByteLimit), "unlimited", config.Unlimited},
		{new(config.ByteLimit), "0KiB", nil},
		{new(config.ByteLimit), "many", nil},
		{new(config.Memory), "1", int64(1)},
		{new(config.Memory), "256MiB", int64(256 << 20)},
		{new(config.Memory), "1024GiB", int64(1 << 40)},
		{new(config.Memory), "unlimited", int64(config.Unlimited)},
		{new(config.Memory), "0", nil},
		{new(config.Memory), "1TiB", nil},
		{new(config.Memory), "25%", nil},
		{new(config.Memory), "-1MiB", nil},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%T %s", tt.into, tt.text), func(t *testing.T) {
			err := tt.into.UnmarshalText([]byte(tt.text))
			if tt.want == nil {
				if err == nil {
					t.Fatalf("got %v, want it refused", tt.into)
				}
				return
			}
			var got any
			switch v := tt.into.(type) {
			case *config.Duration:
				got = time.Duration(*v)
			case *config.Size:
				got = int(*v)
			case *config.Limit:
				got = int(*v)
			case *config.ByteLimit:
				got = int(*v)
			case *config.Memory:
				got = int64(*v)
			case *config.Count:
				got = int(*v)
			}
			if err != nil || got != tt.want {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestValuesPrintAsTheyAreWritten(t *testing.T) {
	for got, want := range map[string]string{
		config.Duration(24 * time.Hour).String():     "24h",
		config.Duration(10 * time.Second).String():   "10s",
		config.Duration(10 * time.Minute).String():   "10m",
		config.Duration(90 * time.Minute).String():   "1h30m",
		config.Duration(3601 * time.Second).String(): "1h0m1s",
		config.Duration(0).String():                  "0s",
		config.Size(65536).String():                  "64KiB",
		config.Size(3 << 30).String():                "3GiB",
		config.Size(100).String():                    "100",
		config.Memory(8 << 30).String():              "8GiB",
		config.Memory(config.Unlimited).String():     "unlimited",
		config.Size(0).String():                      "0",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
