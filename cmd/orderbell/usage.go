package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError says that the command line is wrong, and how it is right.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// exactly checks the number of arguments.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usagef("%s instead of %d; usage: %s", counted(int64(len(args)), "argument", "arguments"), n, cmd.UseLine())
	}
}

func unknownCommand(cmd *cobra.Command, name string) error {
	hint := ""
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, " or ") + "?"
	}
	path := strings.TrimPrefix(cmd.CommandPath()+" "+name, cmd.Root().Name()+" ")
	return usagef("unknown command %q%s", path, hint)
}

// flagError blames the command where that is unknown too: its flags can't be known.
func flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	return usagef("%s; usage: %s", err, cmd.UseLine())
}
