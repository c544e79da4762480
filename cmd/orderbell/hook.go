package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/postgres"
)

func hookAddCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "add [--config FILE] NAME SCHEMA.FUNCTION", Short: "Let notifications name a function as a hook, or change the one of this name",
		Long: `Lets notifications name a function of your database in on_acknowledged and on_exhausted. It
must be a function (order_no text, answer text) returns void. Workers call it in the
transaction that settles the row, as their own user, who needs the right to execute it.

A name that is known gets the new function, for unfinished notifications too.`,
		DisableFlagsInUseLine: true, Args: exactly(2),
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		added, named, err := db.AddHook(cmd.Context(), args[0], args[1])
		switch {
		case err != nil:
			return refusedHook(err)
		case !named:
			return usagef("%s is no SCHEMA.FUNCTION; its arguments are always (text, text), and are not named", shown(args[1]))
		}
		done := map[bool]string{true: "added", false: "changed"}[added]
		return printLine(cmd.OutOrStdout(), "%s hook %s: %s", done, shown(args[0]), shown(args[1]))
	}
	return cmd
}

// refusedHook is explained, but for a schema of the business that the user may not use: no
// role of ours has that right.
func refusedHook(err error) error {
	const denied = "permission denied for schema "
	if message, _, ok := postgres.Refusal(err); ok && strings.HasPrefix(message, denied) && message != denied+"orderbell" {
		return errors.New(message)
	}
	return explained(err)
}

func hookListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [--config FILE] [--json]", Short: "Show the hooks, their functions, and what is wrong with them",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		hooks, err := db.ListHooks(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Hooks []postgres.HookRow `json:"hooks"`
			}{append([]postgres.HookRow{}, hooks...)})
		}
		rows := [][]string{{"name", "function", "fault"}}
		for _, h := range hooks {
			function, fault := h.Function, h.Fault
			if function == "" {
				function = "dropped"
			}
			if fault == "" {
				fault = "none"
			}
			rows = append(rows, []string{h.Name, function, fault})
		}
		return printTable(cmd.OutOrStdout(), rows)
	}
	return cmd
}

func hookRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove [--config FILE] NAME", Short: "Remove a hook that no notification waits for",
		Long: `Removes a hook, unless notifications that have come to their end wait for it. New ones
cannot name it any more. Unfinished ones that name it lose nothing: at their end they are
kept, and their explanation says why, until there is a hook of this name again.`,
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		went, err := db.RemoveHook(cmd.Context(), args[0])
		switch {
		case err != nil:
			return explained(err)
		case went.Removed:
			return printLine(cmd.OutOrStdout(), "removed hook %s", shown(args[0]))
		}
		return notRemoved(args[0], went)
	}
	return cmd
}

// notRemoved says why a hook is not removed.
func notRemoved(name string, went postgres.HookRemoval) error {
	known := false
	for i, other := range went.Names {
		known = known || other == name
		went.Names[i] = shown(other)
	}
	switch {
	case known && went.Owing > 0:
		return fmt.Errorf("hook %s is kept: %s for it; cancel them, or give it a function that works, with: orderbell hook add",
			shown(name), counted(went.Owing, "notification has come to its end and waits", "notifications have come to their end and wait"))
	case len(went.Names) == 0:
		return fmt.Errorf("unknown hook %s; there is none", shown(name))
	}
	return fmt.Errorf("unknown hook %s; there are: %s", shown(name), strings.Join(went.Names, ", "))
}
