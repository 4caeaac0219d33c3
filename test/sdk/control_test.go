package sdk_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"portcullis/internal/auth/authtest"
)

// handler is what the tests in TypeScript can do to the gateway and to the lines.
func (g *gateways) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /token", g.token)
	mux.HandleFunc("POST /cut", g.cut)
	mux.HandleFunc("POST /down", func(http.ResponseWriter, *http.Request) { g.lines.turn(true) })
	mux.HandleFunc("POST /up", func(http.ResponseWriter, *http.Request) { g.lines.turn(false) })
	mux.HandleFunc("POST /replace", func(w http.ResponseWriter, _ *http.Request) { told(w, g.replace()) })
	mux.HandleFunc("POST /admin/", func(w http.ResponseWriter, r *http.Request) { pass(w, r, g.current().admin, "") })
	mux.HandleFunc("POST /v1/", func(w http.ResponseWriter, r *http.Request) {
		pass(w, r, g.current().address, g.issuer.Token("backend"))
	})
	return mux
}

func told(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// token makes one: of sub, with roles separated by commas, for so many seconds, an hour unless it says.
func (g *gateways) token(w http.ResponseWriter, r *http.Request) {
	claims := authtest.Claims{}
	if roles := r.FormValue("roles"); roles != "" {
		claims["roles"] = strings.Split(roles, ",")
	}
	if text := r.FormValue("seconds"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil {
			told(w, err)
			return
		}
		now := time.Now()
		claims["iat"], claims["exp"] = now.Unix()-60, now.Unix()+int64(seconds)
	}
	fmt.Fprint(w, g.issuer.Token(r.FormValue("sub"), claims))
}

// cut cuts one line in so many, by a seed.
func (g *gateways) cut(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("one_in"))
	seed, _ := strconv.ParseUint(r.FormValue("seed"), 10, 64)
	fmt.Fprint(w, g.lines.cut(rand.New(rand.NewPCG(seed, 0)), max(n, 1)))
}

// pass passes a request on to a listener of the gateway, past the lines.
func pass(w http.ResponseWriter, r *http.Request, address, token string) {
	to, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+address+r.URL.Path, r.Body)
	if err != nil {
		told(w, err)
		return
	}
	to.Header.Set("Content-Type", r.Header.Get("Content-Type"))
	if token != "" {
		to.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(to)
	if err != nil {
		told(w, err)
		return
	}
	defer answer.Body.Close()
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}
