package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/postgres"
)

func endpointUnblockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "unblock [--config FILE] ID [SEQUENCE_KEY]", Short: "Let sequences go on past a notification that did not get through",
		Long: `Lets the sequences of an endpoint go on that stand still, or only the one of a key: their
head ended exhausted or rejected, and the endpoint says on_head_exhausted block. What
comes after the head is due at once; the head itself is not sent again.`,
		DisableFlagsInUseLine: true, Args: oneOrTwo,
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var key *string
		if len(args) == 2 {
			key = &args[1]
		}
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		n, err := db.Unblock(cmd.Context(), args[0], key)
		if err != nil {
			return explained(err)
		}
		said := counted(n, "sequence goes on", "sequences go on")
		if n == 0 {
			if said, err = nothingBlocked(cmd, db, args[0], key); err != nil {
				return err
			}
		}
		return printLine(cmd.OutOrStdout(), "endpoint %s: %s", shown(args[0]), said)
	}
	return cmd
}

func oneOrTwo(cmd *cobra.Command, args []string) error {
	if len(args) == 1 || len(args) == 2 {
		return nil
	}
	return usagef("%s instead of 1 or 2; usage: %s", counted(int64(len(args)), "argument", "arguments"), cmd.UseLine())
}

// nothingBlocked says that nothing stood still; it fails where there is no such endpoint.
func nothingBlocked(cmd *cobra.Command, db *postgres.DB, id string, key *string) (string, error) {
	found, err := db.Endpoints(cmd.Context(), []string{id})
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", fmt.Errorf("no endpoint %s; orderbell endpoint list shows those that there are", shown(id))
	case key != nil:
		return fmt.Sprintf("sequence %s does not stand still", shown(*key)), nil
	}
	return "no sequence stands still", nil
}
