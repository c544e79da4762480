package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
)

func endpointRotateSecretCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate-secret [--config FILE] [--overlap D] [--ed25519] [--import FILE] [--json] ID",
		Short: "Give an endpoint a new secret, and print once what its merchant needs",
		Long: `Gives an endpoint a new secret, sealed under the master key, and prints once what to give
to its merchant. The former secret goes on for the overlap: beside the new one where the
scheme has room for several signatures (standard-webhooks), else instead of it, so that the
merchant has the time to put the new one in place. Then it is destroyed.

--import takes a secret of yours from a file, or from standard input for -.`,
		DisableFlagsInUseLine: true, Args: exactly(1),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	overlap := cmd.Flags().Duration("overlap", 24*time.Hour, "how long the former secret goes on: `D`, 0 to 90 days")
	ed25519 := cmd.Flags().Bool("ed25519", false, "make a pair of keys, of which the merchant gets the public one")
	imported := cmd.Flags().String("import", "", "take the secret from this `FILE`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		const longest = 90 * 24 * time.Hour
		if *overlap < 0 || *overlap > longest {
			return usagef("--overlap %s is not between 0 and 2160h", *overlap)
		}
		from := app.NewSecret{Ed25519: *ed25519, Overlap: *overlap}
		var err error
		if *imported != "" {
			if from.Imported, err = readKey(cmd.InOrStdin(), *imported, "secret"); err != nil {
				return err
			}
		}
		c, db, err := openConfigured(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		r, err := app.RotateSecret(cmd.Context(), c, db, args[0], from)
		if err != nil {
			return explained(err)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), rotated{
				Endpoint: r.Endpoint, Scheme: r.Scheme, Version: r.Version, OverlapSeconds: int(overlap.Seconds()), Give: r.Give,
			})
		}
		return printRotation(cmd.OutOrStdout(), r, *overlap)
	}
	return cmd
}

// rotated is what --json prints.
type rotated struct {
	Endpoint       string `json:"endpoint"`
	Scheme         string `json:"scheme"`
	Version        int    `json:"version"`
	OverlapSeconds int    `json:"overlap_seconds"`
	Give           string `json:"give"` // to the merchant; empty where the secret was imported
}

func printRotation(out io.Writer, r app.Rotation, overlap time.Duration) error {
	line := fmt.Sprintf("endpoint %s has version %d of its secret, for %s", shown(r.Endpoint), r.Version, r.Scheme)
	switch {
	case r.Former && overlap == 0:
		line += "; the former ones are destroyed"
	case r.Former && r.Both:
		line += fmt.Sprintf("; the former one signs too for %s", overlap)
	case r.Former:
		line += fmt.Sprintf("; the former one goes on signing for %s, then this one does", overlap)
	}
	if err := printLine(out, "%s", line); err != nil || r.Give == "" {
		return err
	}
	return printLine(out, "\nGive this to the merchant. It is not shown again.\n\n%s", r.Give)
}

func endpointResealSecretsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "reseal-secrets [--config FILE]", Short: "Seal all secrets under the first master key",
		Long: `Seals every secret under the first master key of secrets.master_key that another one has
sealed. After it no worker needs the other master keys any more. Secrets stay what they are.`,
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, db, err := openConfigured(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		resealed, all, err := app.ResealSecrets(cmd.Context(), c, db)
		if resealed > 0 || err == nil {
			if err := printLine(cmd.OutOrStdout(), "%d of %d secrets were sealed anew, under master key %s", resealed, all, c.Secrets.Keyring.IDs()[0]); err != nil {
				return err
			}
		}
		return err
	}
	return cmd
}
