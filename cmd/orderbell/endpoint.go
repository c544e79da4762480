package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

const defaultPolicy = "standard"

func endpointAddCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "add [--config FILE] [--policy P] [--signature S] [--max-in-flight N] [--rate R] " +
			"[--batch-size N] [--batch-wait D] [--on-head-exhausted skip|block] [--answer-key FILE] ID URL",
		Short: "Add an endpoint, or change the one with this id",
		Long: `Adds an endpoint, or changes the URL of the one with this id. All else stays as it is unless
you name it. Limits are kept over all workers together.

The URL sql:SCHEMA.FUNCTION makes it an action: instead of a request, a function
(order_no text, body text) returns boolean of your database is called, in the transaction
that settles the row.`,
		DisableFlagsInUseLine: true, Args: exactly(2),
	}
	file := configFlag(cmd)
	policy := cmd.Flags().String("policy", "", "how it is talked to: the `NAME` of a policy (default: the one it has, or "+defaultPolicy+")")
	limits, orders := limitFlags(cmd), orderFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		changes, words, err := limits()
		if err != nil {
			return err
		}
		more, err := orders(&changes)
		if err != nil {
			return err
		}
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		endpoint := outbox.Endpoint{ID: args[0], URL: args[1], Policy: *policy}
		if !cmd.Flags().Changed("policy") {
			if endpoint.Policy, err = policyOf(cmd.Context(), db, endpoint.ID); err != nil {
				return err
			}
		}
		added, err := db.AddEndpoint(cmd.Context(), endpoint, changes)
		if err != nil {
			return refused(cmd.Context(), db, endpoint, err)
		}
		done := map[bool]string{true: "added", false: "changed"}[added]
		return printLine(cmd.OutOrStdout(), "%s endpoint %s: %s, policy %s%s", done, shown(endpoint.ID), endpoint.URL, endpoint.Policy, words+more)
	}
	return cmd
}

// policyOf is the policy that the endpoint has; the default one where it is new.
func policyOf(ctx context.Context, db *postgres.DB, id string) (string, error) {
	found, err := db.Endpoints(ctx, []string{id})
	if err != nil || len(found) == 0 {
		return defaultPolicy, err
	}
	return found[0].Policy, nil
}

// refused says why PostgreSQL did not take an endpoint, in its own words, and
// which policies there are where an unknown one was named.
func refused(ctx context.Context, db *postgres.DB, e outbox.Endpoint, err error) error {
	var code interface{ SQLState() string }
	if !errors.As(err, &code) || code.SQLState() == insufficientPrivilege {
		return err
	}
	const foreignKeyViolation = "23503"
	if code.SQLState() == foreignKeyViolation {
		policies, err := db.Policies(ctx)
		if err != nil {
			return err
		}
		var names []string
		for _, policy := range policies {
			names = append(names, policy.Name)
		}
		slices.Sort(names)
		return fmt.Errorf("no policy %s; there are: %s", shown(e.Policy), strings.Join(names, ", "))
	}
	return explained(err)
}

// explained says in PostgreSQL's own words why it has refused something, and what there
// is instead.
func explained(err error) error {
	var code interface{ SQLState() string }
	message, hint, ok := postgres.Refusal(err)
	switch {
	case !ok || errors.As(err, &code) && code.SQLState() == insufficientPrivilege:
		return err
	case hint == "":
		return errors.New(message)
	}
	return fmt.Errorf("%s; %s", message, strings.TrimSuffix(hint, "."))
}
