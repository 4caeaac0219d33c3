// Command bundle writes the client library as the page of `portcullis dev` loads it: one module for the client, one for end-to-end encryption, and what they
// share, out of sdk/typescript/src. They are committed, so that dev needs Go and nothing else.
//
// Run it after every change there:
//
//	go -C tools run ./bundle
package main

import (
	"fmt"
	"os"

	"github.com/evanw/esbuild/pkg/api"
)

const (
	source = "../sdk/typescript/src/"
	target = "../internal/dev/playground/web/"
)

func main() {
	made := api.Build(api.BuildOptions{
		EntryPointsAdvanced: []api.EntryPoint{{InputPath: source + "index.ts", OutputPath: "portcullis"}, {InputPath: source + "e2ee/index.ts", OutputPath: "e2ee"}},
		Outdir:              target, ChunkNames: "both", Write: true, Bundle: true, Splitting: true, // what both have is there once
		Format: api.FormatESModule, Platform: api.PlatformBrowser, Target: api.ES2022, Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsNone,
		Banner: map[string]string{"js": "// Made of sdk/typescript/src by `go -C tools run ./bundle`: change it there."},
	})
	for _, e := range made.Errors {
		at := ""
		if e.Location != nil {
			at = fmt.Sprintf("%s:%d: ", e.Location.File, e.Location.Line)
		}
		fmt.Fprintf(os.Stderr, "bundle: %s%s\n", at, e.Text)
	}
	if len(made.Errors) > 0 {
		os.Exit(1)
	}
}
