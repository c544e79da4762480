package janitor

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // CRON_TZ means the same on every machine

	"github.com/robfig/cron/v3"
)

// Schedule says when a scan runs. Its ticks are instants, the same for everybody.
type Schedule struct{ ticks cron.Schedule }

var parser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// ParseSchedule reads five fields, or six with seconds in front, or a word such as @daily or
// @every 90s, behind CRON_TZ=zone where the times are not in UTC. The error says what is
// wrong, and goes on from the text.
func ParseSchedule(text string) (Schedule, error) {
	zone, rest, _ := strings.Cut(text, " ")
	_, name, named := strings.Cut(zone, "TZ=")
	switch {
	case !named:
	case strings.TrimSpace(rest) == "": // the parser would panic
		return Schedule{}, errors.New("names a time zone and no times")
	case name == "" || strings.EqualFold(name, "local"):
		return Schedule{}, errors.New("names no time zone; allowed: one such as CRON_TZ=Asia/Shanghai, the same on every machine")
	}
	ticks, err := parser.Parse(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("is no schedule (%w); allowed: \"minute hour day month weekday\", with seconds in front or without, @daily, @every 90s, and CRON_TZ=zone before it", err)
	}
	if _, every := ticks.(cron.ConstantDelaySchedule); every {
		// The parser rounds what it cannot do.
		delay, err := time.ParseDuration(text[strings.LastIndexByte(text, ' ')+1:])
		if err != nil || delay < time.Second || delay%time.Second != 0 {
			return Schedule{}, errors.New("has no whole number of seconds, such as @every 90s")
		}
		ticks = aligned(delay)
	}
	s := Schedule{ticks}
	if s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, errors.New("never comes")
	}
	return s, nil
}

// aligned ticks at the multiples of a delay, whenever somebody begins to count.
type aligned time.Duration

func (a aligned) Next(after time.Time) time.Time {
	return after.Truncate(time.Duration(a)).Add(time.Duration(a))
}

// Next returns the first tick after an instant; the zero time where none comes in five years.
func (s Schedule) Next(after time.Time) time.Time { return s.ticks.Next(after.UTC()) }

// latest returns the last tick after the one instant, and not after the other.
func (s Schedule) latest(after, now time.Time) (tick time.Time, ok bool) {
	due := func(from time.Time) bool {
		next := s.Next(from)
		return !next.IsZero() && !next.After(now)
	}
	// Back from now in steps that double, so that a night does not take as long as a year.
	early := now
	for back := time.Second; early.After(after); back *= 2 {
		if early = now.Add(-back); early.Before(after) {
			early = after
		}
		if due(early) {
			break
		}
	}
	if !early.Before(now) || !due(early) {
		return time.Time{}, false
	}
	// Then by halves: from early on a tick is due, from late on none is. Ticks are whole
	// seconds, and between these two lies one in the end.
	for late := now; late.Sub(early) > time.Second; {
		if middle := early.Add(late.Sub(early) / 2); due(middle) {
			early = middle
		} else {
			late = middle
		}
	}
	return s.Next(early), true
}
