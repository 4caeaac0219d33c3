package revocation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"portcullis/internal/tenant"
)

// document is a revocation as the engine keeps it. Times are milliseconds since 1970, 0 for none.
type document struct {
	Tenant string `json:"tenant"`
	Kind   Kind   `json:"kind"`
	Value  string `json:"value"`
	Issuer string `json:"issuer,omitempty"`
	User   string `json:"user,omitempty"`
	Before int64  `json:"before,omitempty"`
	Until  int64  `json:"until,omitempty"`
	Reason string `json:"reason,omitempty"`
	Made   int64  `json:"made,omitempty"`
}

// MarshalJSON writes the revocation as the engine keeps it, and as the API shows it.
func (r *Revocation) MarshalJSON() ([]byte, error) {
	return json.Marshal(document{
		Tenant: r.Tenant.String(), Kind: r.Kind, Value: r.Value, Issuer: r.Issuer, User: r.User,
		Before: milliseconds(r.Before), Until: milliseconds(r.Until), Reason: r.Reason, Made: milliseconds(r.Made),
	})
}

// Decode reads what MarshalJSON wrote, strictly: a member that is not understood could be one that ends somebody.
func Decode(text []byte) (*Revocation, error) {
	var d document
	if err := strictly(text, &d); err != nil {
		return nil, fmt.Errorf("read a revocation: %w", err)
	}
	id, err := tenant.Parse(d.Tenant)
	if err != nil {
		return nil, fmt.Errorf("read a revocation: %w", err)
	}
	r := &Revocation{
		Tenant: id, Kind: d.Kind, Value: d.Value, Issuer: d.Issuer, User: d.User,
		Before: moment(d.Before), Until: moment(d.Until), Reason: d.Reason, Made: moment(d.Made),
	}
	if err := r.form(); err != nil { // a time that was right when it was written is right
		return nil, fmt.Errorf("read a revocation: %w", err)
	}
	return r, nil
}

// strictly reads one JSON value without unknown members, and nothing behind it.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF { // More takes a closing brace for the end
		return fmt.Errorf("something stands behind the JSON")
	}
	return nil
}

// milliseconds rounds up: a revocation that is rounded down would leave somebody in.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(time.Millisecond - 1).UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
