package main

import (
	"github.com/spf13/cobra"
)

func configCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check [--config FILE]", Short: "Say what is wrong with the configuration, line by line, all at once",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load(cmd, *file)
		if err != nil {
			return err
		}
		// No problem: `demo` does without, and the URL may be added where it runs.
		if missing := c.RequireDatabase(); missing != nil {
			say(cmd, "orderbell: warning: %v", missing)
		}
		return printLine(cmd.OutOrStdout(), "configuration is fine")
	}
	return cmd
}
