package demo

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// answer is what a merchant says to one request.
type answer struct {
	status int
	body   string
	// after is how long the merchant takes.
	after time.Duration
	// never: the merchant says nothing at all, until the sender has gone.
	never bool
	// acknowledges tells that the merchant means this as an acknowledgement, by
	// what was agreed: status 200 and `success`.
	acknowledges bool
	says         state // of the trade, where a channel answers
}

// temper is how a merchant answers. Its endpoint's id is its name.
type temper struct {
	endpoint string
	says     string // for people
	// share is how many of every 19 orders are for this merchant.
	share int
	// answer to the nth request for the same notification, from 1.
	answer func(nth int) answer
}

// tempers are the merchants. Those that never acknowledge have small shares:
// each of their notifications takes the whole ladder.
func tempers() []temper {
	return []temper{
		{"demo-prompt", "answers success at once", 8, prompt},
		{"demo-flaky", "fails three times, then success", 4, flaky},
		{"demo-shouting", `answers SUCCESS\n`, 2, shouting},
		{"demo-slow", "answers after 0.3 to 0.8 s", 2, slow},
		{"demo-failing", "always status 500", 1, failing},
		{"demo-silent", "never answers", 1, silent},
		{"demo-almost", `answers {"code":"SUCCESS"}`, 1, almost},
	}
}

func prompt(int) answer { return answer{status: http.StatusOK, body: "success", acknowledges: true} }

// flaky fails in three ways.
func flaky(nth int) answer {
	switch nth {
	case 1:
		return answer{status: http.StatusInternalServerError, body: "oops"}
	case 2:
		return answer{status: http.StatusOK, body: "fail"}
	case 3:
		return answer{status: http.StatusBadGateway, body: "<html>bad gateway</html>"}
	}
	return prompt(nth)
}

// shouting is acknowledged too: letter case and white space around do not count.
func shouting(int) answer {
	return answer{status: http.StatusOK, body: "SUCCESS\n", acknowledges: true}
}

// slow stays well within the policy's timeout.
func slow(nth int) answer {
	a := prompt(nth)
	a.after = 300*time.Millisecond + rand.N(500*time.Millisecond) //nolint:gosec // chance, not a secret
	return a
}

func failing(int) answer {
	return answer{status: http.StatusInternalServerError, body: "internal error"}
}

func silent(int) answer { return answer{never: true} }

// almost means well, but it is not what was agreed.
func almost(int) answer { return answer{status: http.StatusOK, body: `{"code":"SUCCESS"}`} }

// turns lists the merchants in the order in which orders are for them, each as
// often as its share, and mixed.
func turns(of []temper) []int {
	left := make([]int, len(of))
	for i, t := range of {
		left[i] = t.share
	}
	var order []int
	for more := true; more; {
		more = false
		for i := range left {
			if left[i] > 0 {
				left[i]--
				order, more = append(order, i), true
			}
		}
	}
	return order
}
