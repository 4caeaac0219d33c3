package doctor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"

	"portcullis/internal/doctor"
)

// lines is what a log has, as objects.
func lines(t *testing.T, log *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(log); d.More(); {
		var line map[string]any
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

// Whoever looks for errors in the log finds a wall that did not hold, with what was found, and the run. One that held makes no noise.
func TestAWallThatDidNotHoldIsAnErrorInTheLog(t *testing.T) {
	tests := []struct {
		name    string
		metrics func() (string, error)
		verdict doctor.Verdict
	}{
		{"broken", func() (string, error) { return quiet + "portcullis_z{channel=\"acme:room\"} 1\n", nil }, doctor.Broken},
		{"unproven", func() (string, error) { return "", errors.New("no page") }, doctor.Unproven},
		{"held", func() (string, error) { return quiet, nil }, doctor.Held},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, log := open(t), new(bytes.Buffer)
			h.Config.Metrics, h.Config.Log = tt.metrics, slog.New(slog.NewJSONHandler(log, nil))
			h.examine(t)
			var findings, runs int
			for _, line := range lines(t, log) {
				switch line["event"] {
				case "doctor.finding":
					if line["wall"] != "metrics" {
						continue // times, on a machine with other work
					}
					findings++
					if told, _ := line["findings"].([]any); line["level"] != "ERROR" || line["verdict"] != string(tt.verdict) || len(told) == 0 {
						t.Errorf("got %v, want an ERROR that says %s and what was found", line, tt.verdict)
					}
				case "doctor.examined":
					runs++
					if sound := tt.verdict == doctor.Held; line["held"] != sound || (line["level"] == "ERROR") == sound {
						t.Errorf("got %v, want held %v, and an ERROR where it is not", line, sound)
					}
				}
			}
			if want := map[doctor.Verdict]int{doctor.Broken: 1, doctor.Unproven: 1}[tt.verdict]; findings != want || runs != 1 {
				t.Errorf("%d findings and %d runs are told, want %d and 1", findings, runs, want)
			}
		})
	}
}
