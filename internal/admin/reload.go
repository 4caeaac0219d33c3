package admin

import (
	"bytes"
	"io"
	"net/http"
	"slices"

	"portcullis/internal/config"
	"portcullis/internal/wire"
)

// Reload takes the configuration anew. Without a report nothing changed, and one of the problems is an error.
type Reload func() (report any, problems []config.Problem)

// fault is a problem of a configuration as administrators see it.
type fault struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Path     string `json:"path"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`
}

// reload takes the configuration anew. What came of it is a 200, also where it was refused: the answer says so, and names every problem.
func (o *Operations) reload(w http.ResponseWriter, r *http.Request) {
	if o.Reload == nil {
		refuse(w, wire.NotAvailable, "this node has no configuration file that it could read again; one of portcullis serve has, one of portcullis dev is started anew")
		return
	}
	if body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64)); err != nil || !slices.Contains([]string{"", "{}", "null"}, string(bytes.TrimSpace(body))) {
		refuse(w, wire.BadRequest, "a reload has no options: send {} or no body. To see what the files would do, run portcullis config check, and acl diff --live")
		return
	}
	o.Observer.Administered("reload", "", r.RemoteAddr)
	report, problems := o.Reload()
	said := struct {
		Applied  bool    `json:"applied"`
		Report   any     `json:"report,omitempty"`
		Problems []fault `json:"problems"`
	}{report != nil, report, make([]fault, len(problems))}
	for i, p := range problems {
		said.Problems[i] = fault{p.File, p.Line, p.Column, p.Path, "error", p.Message}
		if p.Severity == config.Warning {
			said.Problems[i].Severity = "warning"
		}
	}
	answer(w, http.StatusOK, said)
}
