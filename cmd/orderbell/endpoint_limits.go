package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/postgres"
)

// mostOfALimit is the highest limit that an endpoint can have, of either kind.
const mostOfALimit = 10_000

// limitFlags declares the flags of limits. What it returns reads those that were given,
// and says in words what they change.
func limitFlags(cmd *cobra.Command) func() (postgres.Changes, string, error) {
	inFlight := cmd.Flags().Int("max-in-flight", 0, "at most `N` requests at once, over all workers; 0: any number")
	signature := cmd.Flags().String("signature", "", "how requests are signed: a `SCHEME`, or policy for the policy's")
	rate := cmd.Flags().Float64("rate", 0, "at most `R` requests a second, over all workers, evenly spaced; 0: any number")
	return func() (limits postgres.Changes, words string, err error) {
		if cmd.Flags().Changed("signature") {
			limits.Signature = signature
			words += ", signature " + *signature
			if *signature == "policy" {
				*signature = ""
			}
		}
		if cmd.Flags().Changed("max-in-flight") {
			if *inFlight < 0 || *inFlight > mostOfALimit {
				return limits, "", usagef("--max-in-flight %d is not between 0 and %d", *inFlight, mostOfALimit)
			}
			limits.MaxInFlight = inFlight
			words += ", " + atOnce(*inFlight)
		}
		if cmd.Flags().Changed("rate") {
			if !(*rate >= 0 && *rate <= mostOfALimit) { // also what is no number
				return limits, "", usagef("--rate %g is not between 0 and %d", *rate, mostOfALimit)
			}
			limits.Rate = rate
			words += ", " + aSecond(*rate)
		}
		return limits, words, nil
	}
}

func atOnce(n int) string {
	if n == 0 {
		return "any number at once"
	}
	return fmt.Sprintf("%d at once", n)
}

func aSecond(rate float64) string {
	if rate == 0 {
		return "any number a second"
	}
	return strconv.FormatFloat(rate, 'f', -1, 64) + " a second"
}
