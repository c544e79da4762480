package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/postgres"
)

const (
	mostInABatch = 100
	longestBatch = 30 * time.Second
	skips        = "skip"
	blocks       = "block"
)

// orderFlags declares the flags of batches, sequences and answers. What it returns notes
// those that were given, and says in words what they change.
func orderFlags(cmd *cobra.Command) func(*postgres.Changes) (string, error) {
	size := cmd.Flags().Int("batch-size", 0, "at most `N` notifications in one request, as a JSON array, 2 to 100; 0: each has its own")
	wait := cmd.Flags().Duration("batch-wait", 0, "how long the first of a batch waits for others: `D`, 0 to 30s")
	head := cmd.Flags().String("on-head-exhausted", "", "what a sequence does after one that did not get through: `skip|block`")
	key := cmd.Flags().String("answer-key", "", "the public key or certificate that verifies its answers: a PEM `FILE`; an empty text takes it away")
	given := cmd.Flags().Changed
	return func(c *postgres.Changes) (words string, err error) {
		if given("batch-size") {
			if *size < 0 || *size == 1 || *size > mostInABatch {
				return "", usagef("--batch-size %d is neither 0 nor between 2 and %d", *size, mostInABatch)
			}
			c.BatchSize = size
			words += ", " + inBatches(*size)
		}
		if given("batch-wait") {
			if *wait < 0 || *wait > longestBatch {
				return "", usagef("--batch-wait %s is not between 0 and %s", *wait, longestBatch)
			}
			c.BatchWait = wait
			words += ", " + batchesWait(*wait)
		}
		if given("on-head-exhausted") {
			if *head != skips && *head != blocks {
				return "", usagef("--on-head-exhausted %q is neither %s nor %s", *head, skips, blocks)
			}
			c.OnHeadExhausted = head
			words += ", " + headExhausted(*head)
		}
		if given("answer-key") {
			if c.AnswerKey, err = answerKey(cmd, *key); err != nil {
				return "", err
			}
			words += map[bool]string{true: ", its answers are verified with this key", false: ", no key for its answers"}[*key != ""]
		}
		return words, nil
	}
}

// answerKey reads a key that verifies answers; empty where there is to be none. One that
// cannot is refused now: it would park the endpoint, and a private key is not for storing.
func answerKey(cmd *cobra.Command, path string) (*string, error) {
	if path == "" {
		return &path, nil
	}
	raw, err := readKey(cmd.InOrStdin(), path, "answer key")
	if err != nil {
		return nil, err
	}
	text := string(raw)
	if err := app.CheckAnswerKey(text); err != nil {
		return nil, usagef("the answer key in %s %s", path, err)
	}
	return &text, nil
}

func inBatches(n int) string {
	if n == 0 {
		return "no batches"
	}
	return fmt.Sprintf("up to %d in a request", n)
}

func batchesWait(d time.Duration) string {
	if d == 0 {
		return "batches wait for nobody"
	}
	return fmt.Sprintf("batches wait %s", d)
}

func headExhausted(how string) string {
	if how == blocks {
		return "an exhausted head blocks its sequence"
	}
	return "an exhausted head is skipped"
}
