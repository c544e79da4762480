package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/postgres"
)

func endpointTokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token [--config FILE] [--expires D | --revoke HINT | --list] [--json] ID",
		Short: "Make a token by which an endpoint's merchant may ask the API",
		Long: `Makes a token by which the endpoint's merchant may ask the merchants' API (api.listen), and
prints it once. The database keeps a hash of it, and its last 4 characters as a hint that
tells the tokens of an endpoint apart. A new token leaves the others as they are: give the
new one, then revoke the old one. All tokens of an endpoint that is deleted go with it.`,
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	expires := cmd.Flags().Duration("expires", 0, "how long it is good: `D`, such as 2160h; without it: until it is revoked")
	revoke := cmd.Flags().String("revoke", "", "make none, and revoke the token that ends in `HINT`")
	list := cmd.Flags().Bool("list", false, "make none, and list the tokens that there are")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		lasts, err := lifetime(cmd, *expires)
		if err != nil {
			return err
		}
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		switch {
		case *list:
			return listTokens(cmd, db, args[0], *asJSON)
		case cmd.Flags().Changed("revoke"):
			return revokeToken(cmd, db, args[0], *revoke, *asJSON)
		}
		token, err := app.AddToken(cmd.Context(), db, args[0], lasts)
		if err != nil {
			return explained(err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), token)
		}
		return printToken(cmd.OutOrStdout(), token)
	}
	return cmd
}

// lifetime is how long a token is good; nil: until it is revoked.
func lifetime(cmd *cobra.Command, expires time.Duration) (*time.Duration, error) {
	const longest = 10 * 365 * 24 * time.Hour
	set := 0
	for _, flag := range []string{"expires", "revoke", "list"} {
		if cmd.Flags().Changed(flag) {
			set++
		}
	}
	switch {
	case set > 1:
		return nil, usagef("--expires, --revoke and --list do not go together")
	case !cmd.Flags().Changed("expires"):
		return nil, nil
	case expires <= 0 || expires > longest:
		return nil, usagef("--expires %s is not above 0 and up to %s", expires, longest)
	}
	return &expires, nil
}

func printToken(to io.Writer, t app.Token) error {
	until := "until it is revoked"
	if t.ExpiresAt != nil {
		until = "until " + instant(*t.ExpiresAt)
	}
	return printLine(to, "endpoint %s has a new token, ending in %s, good %s\n\nGive this to the merchant. It is not shown again.\n\n%s",
		shown(t.Endpoint), t.Hint, until, t.Token)
}

func revokeToken(cmd *cobra.Command, db *postgres.DB, id, hint string, asJSON bool) error {
	done, err := db.RevokeToken(cmd.Context(), id, hint)
	if err != nil {
		return err
	}
	if !done {
		return fmt.Errorf("endpoint %s has no token that ends in %s; orderbell endpoint token --list shows those that there are", shown(id), shown(hint))
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), struct {
			Endpoint string `json:"endpoint"`
			Revoked  string `json:"revoked"`
		}{id, hint})
	}
	return printLine(cmd.OutOrStdout(), "endpoint %s: the token that ends in %s is revoked, from now on", shown(id), shown(hint))
}

func listTokens(cmd *cobra.Command, db *postgres.DB, id string, asJSON bool) error {
	tokens, err := db.Tokens(cmd.Context(), id)
	if err != nil {
		return err
	}
	if len(tokens) == 0 {
		if found, err := db.Endpoints(cmd.Context(), []string{id}); err != nil {
			return err
		} else if len(found) == 0 {
			return fmt.Errorf("no endpoint %s; orderbell endpoint list shows those that there are", shown(id))
		}
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), struct {
			Endpoint string              `json:"endpoint"`
			Tokens   []postgres.TokenRow `json:"tokens"`
		}{id, append([]postgres.TokenRow{}, tokens...)})
	}
	rows := [][]string{{"hint", "created", "by", "good"}}
	for _, t := range tokens {
		good := "until it is revoked"
		switch {
		case t.Expired:
			good = "expired at " + instant(*t.ExpiresAt)
		case t.ExpiresAt != nil:
			good = "until " + instant(*t.ExpiresAt)
		}
		rows = append(rows, []string{t.Hint, instant(t.CreatedAt), t.CreatedBy, good})
	}
	return printTable(cmd.OutOrStdout(), rows)
}
