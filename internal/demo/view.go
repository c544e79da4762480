package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// frame writes a picture as the lines of the live view.
func frame(p picture) []string {
	lines := []string{fmt.Sprintf("orderbell demo   %s of %s   %s", clock(p.elapsed), clock(p.whole), p.doing()), ""}
	if len(p.merchants) > 0 {
		lines = append(lines, notifyLines(p)...)
		if len(p.scenes) > 0 {
			lines = append(lines, "")
		}
	}
	return append(lines, p.scenes...)
}

func notifyLines(p picture) []string {
	lines := []string{
		fmt.Sprintf("orders          %6d committed     %6d rolled back", p.orders[committed], p.orders[rolledBack]) +
			mishaps("     ", p.orders),
		fmt.Sprintf("notifications   %6d acknowledged  %6d in flight  %6d due now or first",
			p.acknowledged, p.unfinished.inFlight, p.unfinished.rung(0)),
		fmt.Sprintf("attempts        %6d               %6.0f per second", p.attempts, p.perSecond),
		"",
	}
	lines = append(lines, rungLines(p.unfinished)...)
	lines = append(lines, "", fmt.Sprintf("%-15s %-32s %9s %12s %9s", "merchant", "", "committed", "acknowledged", "attempts"))
	for _, m := range p.merchants {
		lines = append(lines, fmt.Sprintf("%-15s %-32s %9d %12d %9d",
			m.temper.endpoint, m.temper.says, m.committed, m.acknowledged, m.attempts))
	}
	return lines
}

// rungLines are two: the rungs with their waits, and how many wait on each.
func rungLines(u unfinished) []string {
	var names, counts strings.Builder
	fmt.Fprintf(&names, "%-16s", "waiting on rung")
	fmt.Fprintf(&counts, "%-16s", "")
	for i, wait := range policyLadder() {
		fmt.Fprintf(&names, "%9s", fmt.Sprintf("%d (%s)", i+1, wait))
		fmt.Fprintf(&counts, "%9d", u.rung(i+1))
	}
	return []string{names.String(), counts.String()}
}

// rung is how many wait on it; the counts may not be known yet.
func (u unfinished) rung(n int) int {
	if n >= len(u.waiting) {
		return 0
	}
	return u.waiting[n]
}

func (p picture) doing() string {
	switch {
	case p.stopping:
		return "stopping"
	case p.elapsed < p.selling:
		return "the shop is open"
	}
	return "the shop has closed, ladders climb"
}

// mishaps tells of orders that should not be, each after a separator.
func mishaps(separator string, orders [fates]int) string {
	var s string
	if n := orders[failed]; n > 0 {
		s += fmt.Sprintf("%s%d failed", separator, n)
	}
	if n := orders[unknown]; n > 0 {
		s += fmt.Sprintf("%s%d of unknown fate", separator, n)
	}
	return s
}

// tell writes a picture as one line for each scene.
func tell(to io.Writer, p picture) {
	if len(p.merchants) == 0 {
		say(to, "%s of %s: %s\n", clock(p.elapsed), clock(p.whole), p.doing())
	} else {
		tellNotify(to, p)
	}
	for _, line := range p.scenes {
		say(to, "  %s\n", line)
	}
}

func tellNotify(to io.Writer, p picture) {
	say(to, "%s of %s: %s committed, %d rolled back%s; %d acknowledged, %d in flight, %d waiting; %s, %.0f per second\n",
		clock(p.elapsed), clock(p.whole), counted(p.orders[committed], "order", "orders"), p.orders[rolledBack], mishaps(", ", p.orders),
		p.acknowledged, p.unfinished.inFlight, p.unfinished.all()-p.unfinished.inFlight,
		counted(p.attempts, "attempt", "attempts"), p.perSecond)
}

// say writes to people, who may have gone.
func say(to io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(to, format, args...) }

// counted writes a number before the words that go with it.
func counted(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// clock writes minutes and seconds.
func clock(d time.Duration) string {
	seconds := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
}
