package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"portcullis/internal/metrics"
)

// build is what this program was made of.
type build struct {
	Version  string `json:"version"`            // of the module; (devel) when it was built from a working tree
	Revision string `json:"revision,omitempty"` // of version control
	Modified bool   `json:"modified"`           // the working tree had changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readBuild() build {
	b := build{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	text := "portcullis " + b.Version
	if b.Revision != "" {
		text += " " + b.Revision
	}
	if b.Modified {
		text += " modified"
	}
	return fmt.Sprintf("%s %s %s", text, b.Go, b.Platform)
}

// metric is the part that metrics show.
func (b build) metric() metrics.Build { return metrics.Build{Version: b.Version, Revision: b.Revision} }

func versionCommand(s *shell) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "version", Short: "Print what this program was built from",
		Example: "  portcullis version\n  portcullis version --json",
		Args:    takes(),
		RunE: does(func(*cobra.Command, []string) error {
			b := readBuild()
			if asJSON {
				return printJSON(s.stdout, b)
			}
			fmt.Fprintln(s.stdout, b)
			return nil
		}),
	}
	jsonFlag(c, &asJSON)
	return c
}
