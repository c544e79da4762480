package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is one of USER_HZ, which is 100 on every Linux that Go runs on.
const tick = time.Second / 100

// peakMemory is the most that a process has had resident so far, in MB; 0 where
// that cannot be read. Not rusage's ru_maxrss: a child's begins with what its
// parent had when it was started.
func peakMemory(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseFloat(fields[0], 64)
	return kilobytes * 1024 / 1e6
}

// cpuOf is the processor time of a process.
func cpuOf(pid int) (time.Duration, bool) {
	s, ok := readStat(pid)
	return s.own, ok
}

// cpuOfTree is the processor time of a postmaster and all its backends: those that
// live, and those that it has waited for. A backend that ends while this reads would
// be in neither, so it reads again until nobody was waited for meanwhile.
func cpuOfTree(pid int) (time.Duration, bool) {
	for {
		before, ok := readStat(pid)
		if !ok {
			return 0, false
		}
		sum := before.own + before.waited + cpuOfChildren(pid)
		if after, ok := readStat(pid); !ok || after.waited == before.waited {
			return sum, ok
		}
	}
}

// cpuOfChildren is the processor time of the processes whose parent this is.
func cpuOfChildren(pid int) (sum time.Duration) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	for _, path := range stats {
		text, err := os.ReadFile(path) //nolint:gosec // from /proc
		if err != nil {
			continue // it has ended
		}
		if s, ok := parseStat(text); ok && s.parent == pid {
			sum += s.own
		}
	}
	return sum
}

// stat is what matters of /proc/PID/stat.
type stat struct {
	parent      int
	own, waited time.Duration
}

func readStat(pid int) (stat, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, false
	}
	return parseStat(text)
}

// parseStat reads a line of /proc/PID/stat. The second field, the program's name,
// may hold anything; what follows the last parenthesis is plain.
func parseStat(text []byte) (stat, bool) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return stat{}, false
	}
	fields := strings.Fields(string(text[end+1:]))
	const parent, user, system, waitedUser, waitedSystem = 1, 11, 12, 13, 14
	if len(fields) <= waitedSystem {
		return stat{}, false
	}
	time := func(at int) time.Duration {
		ticks, _ := strconv.ParseInt(fields[at], 10, 64)
		return time.Duration(ticks) * tick
	}
	number, err := strconv.Atoi(fields[parent])
	return stat{parent: number, own: time(user) + time(system), waited: time(waitedUser) + time(waitedSystem)}, err == nil
}
