package api

import (
	"fmt"
	"strings"
)

// toMerchant takes out of a notification's texts what concerns the sender alone: names of
// workers and of database users, an operator's reasons, faults and addresses on our side.
// The states and outcomes stay what they are.
func (n *Notification) toMerchant() {
	raw := n.LastError
	if n.LastOutcome != nil {
		n.LastError = errorToMerchant(*n.LastOutcome, raw)
	}
	text := n.Explanation
	if raw != nil && *raw != "" {
		text = strings.ReplaceAll(text, *raw, *n.LastError)
	}
	n.Explanation = n.explain(text)
	inUTC(n.NextAttemptAt, n.GivesUpAt, &n.CreatedAt, n.FinishedAt, n.ReleasedAt)
}

// explain says why it is where it is: in the view's own words where these are about the
// merchant's endpoint, and otherwise in ours.
func (n *Notification) explain(text string) string {
	state := "" // it has neither a delivery nor an ending
	if n.State != nil {
		state = *n.State
	}
	switch {
	case state == "":
		return "it is not being sent"
	case state == "in_flight":
		return fmt.Sprintf("attempt %d is being made", n.AttemptCount)
	case state == "pending" && n.GivesUpAt == nil: // parked or paused
		return "the sender keeps it back for now; no rung is spent, and it goes on once the sender lets it"
	case state == "pending":
		return withoutReason(text)
	case state == "acknowledged":
		text, _, _ = strings.Cut(text, " (")
	case state == "cancelled" && !strings.Contains(text, ": duplicate of "):
		text, _, _ = strings.Cut(text, ": ") // by whom
	}
	return text
}

// withoutReason drops why a breaker has opened: it may be a fault of the way there.
func withoutReason(text string) string {
	const breaker = "the endpoint's breaker is open since "
	before, after, found := strings.Cut(text, breaker)
	from, to := strings.Index(after, " ("), strings.LastIndex(after, "), ")
	if !found || from < 0 || to < from {
		return text
	}
	return before + breaker + after[:from] + after[to+1:]
}

// toMerchant does the same for an attempt.
func (a *Attempt) toMerchant() {
	a.Error = errorToMerchant(a.Outcome, a.Error)
	inUTC(&a.StartedAt)
}

// errorToMerchant says why an attempt was no acknowledgement.
func errorToMerchant(outcome string, text *string) *string {
	if text == nil {
		return nil
	}
	told := *text
	switch {
	case outcome == "unknown":
		told = "the endpoint may or may not have been told"
	case outcome == "interrupted":
		told = "it was interrupted on the sender's side"
	case outcome == "blocked":
		told = "blocked by the sender's address policy"
	case strings.HasPrefix(told, "the function "):
		told = "the sender's own function did not do it"
	case strings.HasPrefix(told, "the egress proxy"):
		told = "the endpoint was not reached through the sender's proxy"
	}
	return &told
}
