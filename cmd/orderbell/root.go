package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRoot assembles the tree of commands.
func newRoot() *cobra.Command {
	root := group("orderbell", "Delivers the notifications that an order service writes in its order's own commit",
		demoCommand(),
		workCommand(),
		group("migrate", "Make or change the schema orderbell in your database",
			migrateUpCommand(), migrateDownCommand(), migrateStatusCommand(), migrateExportCommand()),
		group("config", "Look at the configuration", configCheckCommand()),
		statusCommand(),
		historyCommand(),
		wakeCommand(),
		adoptCommand(),
		group("endpoint", "Say who is told",
			endpointAddCommand(), endpointListCommand(), endpointPauseCommand(), endpointResumeCommand(),
			endpointUnblockCommand(), endpointRotateSecretCommand(), endpointResealSecretsCommand(),
			endpointTokenCommand(), endpointProbeCommand()),
		group("hook", "Say which functions are called when a notification ends", hookAddCommand(), hookListCommand(), hookRemoveCommand()),
		group("scan", "Look for what was missed", scanRunCommand(), scanListCommand()),
		benchCommand(),
		versionCommand(),
	)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.Version = versionLine()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	return root
}

// group is a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	var names []string
	for _, command := range commands {
		names = append(names, command.Name())
	}
	g := &cobra.Command{
		Use:                        name,
		Short:                      short,
		DisableFlagsInUseLine:      true,
		SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("name a command: %s; %s --help says what they do", strings.Join(names, ", "), cmd.CommandPath())
		},
	}
	g.AddCommand(commands...)
	return g
}

// helpCommand is cobra's, except that an unknown command is wrong usage.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Say what a command does",
		RunE: func(cmd *cobra.Command, args []string) error {
			asked, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = unknownCommand(asked, rest[0])
			}
			if err != nil {
				return err
			}
			return asked.Help()
		},
	}
}
