package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/postgres"
)

func endpointListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [--config FILE] [--json]", Short: "Show who is told, where, and how, and who is paused or does not answer",
		DisableFlagsInUseLine: true, Args: exactly(0),
	}
	file, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		db, err := openDatabase(cmd, *file)
		if err != nil {
			return err
		}
		defer db.Close()
		endpoints, err := db.ListEndpoints(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), struct {
				Endpoints []postgres.EndpointRow `json:"endpoints"`
			}{append([]postgres.EndpointRow{}, endpoints...)})
		}
		rows := [][]string{{"id", "policy", "url", "signature", "limits", "state"}}
		for _, e := range endpoints {
			rows = append(rows, []string{e.ID, e.Policy, targetOf(e), e.Signature, limitsOf(e), stateOf(e)})
		}
		return printTable(cmd.OutOrStdout(), rows)
	}
	return cmd
}

// targetOf is where it is told, and that this is no request where it is none.
func targetOf(e postgres.EndpointRow) string {
	if e.Action {
		return e.URL + " (action)"
	}
	return e.URL
}

func limitsOf(e postgres.EndpointRow) string {
	var limits []string
	if e.MaxInFlight != nil {
		limits = append(limits, atOnce(*e.MaxInFlight))
	}
	if e.RatePerSecond != nil {
		limits = append(limits, aSecond(*e.RatePerSecond))
	}
	if e.BatchSize != nil {
		limits = append(limits, inBatches(*e.BatchSize))
	}
	if e.BatchWaitSeconds > 0 {
		limits = append(limits, batchesWait(time.Duration(e.BatchWaitSeconds*float64(time.Second))))
	}
	if e.OnHeadExhausted == blocks {
		limits = append(limits, headExhausted(blocks))
	}
	if len(limits) == 0 {
		return "none"
	}
	return strings.Join(limits, ", ")
}

// stateOf says whether anything is sent, and if not, why.
func stateOf(e postgres.EndpointRow) string {
	switch {
	case e.PausedAt != nil && e.PauseReason != "":
		return "paused since " + instant(*e.PausedAt) + " because " + e.PauseReason
	case e.PausedAt != nil:
		return "paused since " + instant(*e.PausedAt)
	case e.Parked != "":
		return "parked: " + e.Parked
	case e.OpenedAt == nil:
		return "sending"
	}
	state := "breaker open since " + instant(*e.OpenedAt) + " (" + e.OpenedBecause + "), "
	if e.Breaker == "half_open" {
		return state + "a probe is being sent"
	}
	return state + "next probe at " + instant(*e.ProbeAt)
}
