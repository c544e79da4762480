package chaos_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// The disk is full when the answers come. They are kept until they can be written
// down, and until then nothing more is claimed.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	const waiting = 300
	server, err := devpg.Start(t.Context(), devpg.Options{SmallDisk: 200 << 20, Settings: durable()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopServer(t, server) })
	answer := make(chan struct{})
	d := trading(t, chaos.Options{URL: server.URL("postgres"), Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: chaos.Hanging(answer)}, {Name: "m-2"},
	}})
	w1 := d.WorkWith(chaos.WorkerOptions{Name: "w1", Concurrency: inFlight})
	d.employed(w1)
	d.EnqueueMany("m-1", inFlight)
	arrived(t, d.House, inFlight)
	d.EnqueueMany("m-2", waiting) // for which there is no slot
	if err := server.FillDisk(); err != nil {
		t.Fatal(err)
	}
	close(answer)
	refusals(t, server, 3)
	begun := len(d.Requests())
	refusals(t, server, 10)
	if now := len(d.Requests()); now != begun || now == inFlight+waiting {
		t.Errorf("with results that could not be written, %d requests were made, then %d", begun, now)
	}
	t.Logf("%d of %d requests were begun before the first result was refused", begun-inFlight, waiting)
	if err := server.FreeDisk(); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	arrived(t, d.House, inFlight+waiting)
	t.Logf("after a full disk the first delivery came after %s", round(d.arrivalsAfter(freed)[0].Sub(freed)))
	d.ends()
}

// refusals waits until the server has said so often that its disk is full.
func refusals(t *testing.T, server *devpg.Server, n int) {
	t.Helper()
	pgtest.Eventually(t, time.Minute, "the disk to be full", func() error {
		text, err := os.ReadFile(filepath.Join(server.Dir(), "postgres.log"))
		if err != nil {
			return err
		}
		if got := bytes.Count(text, []byte("No space left on device")); got < n {
			return fmt.Errorf("%d statements have failed", got)
		}
		return nil
	})
}
