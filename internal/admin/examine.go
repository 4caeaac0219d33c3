package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"portcullis/internal/doctor"
	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

// examine lets the doctor try the walls between the tenants. What it found is a 200, also where a wall is broken: the report says so.
func (o *Operations) examine(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, wire.TooLarge, "the body has more than 16384 bytes, or ended before its time")
		return
	}
	var wanted struct {
		Seed uint32 `json:"seed"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&wanted); err != nil && err != io.EOF || !ends(d) {
		refuse(w, wire.BadRequest, `the body is nothing, or an object that has at most a seed below 4294967296, as in {"seed":7}`)
		return
	}
	o.Observer.Administered("doctor", "", r.RemoteAddr) // before: what is denied from now on is the doctor's
	report, err := o.Doctor.Examine(r.Context(), wanted.Seed)
	switch {
	case errors.Is(err, doctor.ErrBusy):
		problem.Write(w, problem.Problem{Code: wire.RateLimited, Detail: err.Error(), Retry: doctor.Most})
	case err != nil:
		problem.Write(w, problem.Problem{Code: wire.Unavailable, Detail: err.Error(), Retry: time.Second})
	default:
		answer(w, http.StatusOK, report)
	}
}

// ends reports whether nothing stands behind what was read. [json.Decoder.More] is made for what is inside of a list or an object: it takes a closing brace for the end.
func ends(d *json.Decoder) bool {
	_, err := d.Token()
	return err == io.EOF
}
