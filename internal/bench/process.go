package bench

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

// mostResident is the most that an ended process had resident, in MB.
func mostResident(state *os.ProcessState) float64 {
	taken, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return float64(taken.Maxrss) / 1e6 // bytes there, and units of 1024 elsewhere
	}
	return float64(taken.Maxrss) * 1024 / 1e6
}

// postgresCPU is the server's processor time so far; ok is false where it cannot
// be known: on a given server, and outside Linux.
func (p *place) postgresCPU() (time.Duration, bool) {
	if p.server == nil || p.server.PID() == 0 {
		return 0, false
	}
	return cpuOfTree(p.server.PID())
}
