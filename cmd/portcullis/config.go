package main

import "github.com/spf13/cobra"

func configCommand(s *shell) *cobra.Command {
	return group("config", "Begin a configuration, or check one", `  portcullis config init gateway
  portcullis config check --config gateway/portcullis.yaml`, configInitCommand(s), configCheckCommand(s))
}
