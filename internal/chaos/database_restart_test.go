package chaos_test

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/orderbell/orderbell/internal/chaos"
)

// A backend is killed, and so the database restarts, in the midst of traffic. What
// the workers know is not lost with it: nobody is told twice.
func TestBackendIsKilled(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true, Settings: durable()})
	d.employ("w1", "w2")
	writes := watchWrites(t, d.House, d.URL)
	d.open()
	pid, err := strconv.Atoi(d.Text(`select min(pid) from pg_stat_activity where application_name = 'orderbell/w1'
		and query like '/* orderbell:settle */%'`))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatalf("kill a backend: %v", err)
	}
	d.resumes("SIGKILL of a backend", writes.accepts(0))
	d.ends()
}

// Ten restarts in a row, each other one a crash.
func TestRestarts(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true, Settings: durable()})
	d.employ("w1", "w2")
	writes := watchWrites(t, d.House, d.URL)
	d.open()
	for i := range 10 {
		kind := "fast"
		if i%2 == 0 {
			kind = "immediate"
			if err := d.Server.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.resumes(fmt.Sprintf("restart %d, %s", i+1, kind), writes.accepts(i))
	}
	d.ends()
}
