package admin

import (
	"net/http"
	"time"

	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

// refuse answers with an error.
func refuse(w http.ResponseWriter, code wire.Code, detail string) {
	p := problem.Problem{Code: code, Detail: detail}
	if code == wire.Unavailable {
		p.Retry = time.Second
	}
	problem.Write(w, p)
}
