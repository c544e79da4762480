package delivery_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/outbox"
)

// poorProcess names the variable that makes this test binary run out of descriptors.
const poorProcess = "ORDERBELL_TEST_POOR"

// runOutOfDescriptors attempts an address and a name without a descriptor to spare,
// and prints the results. It is a process of its own, since the limit is.
func runOutOfDescriptors() {
	courier := delivery.New(delivery.Options{Guard: local(), Resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", "127.0.0.1:9") // nobody answers there
		},
	}})
	attempt := func(url string) outbox.Result { return courier.Deliver(context.Background(), claimFor(url)) }
	attempt("http://127.0.0.1:1") // whatever is opened once is open now
	attempt("http://shop.example:1")
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		panic(err)
	}
	for {
		if _, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err != nil {
			break
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode([]outbox.Result{attempt("http://127.0.0.1:1"), attempt("http://shop.example:1")})
}

func TestTooFewDescriptors(t *testing.T) {
	t.Parallel()
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), poorProcess+"=1")
	process.Stderr = os.Stderr
	out, err := process.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []outbox.Result
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Elapsed = 0
	}
	if diff := cmp.Diff([]outbox.Result{
		{Outcome: outbox.OutcomeInterrupted, Ours: true, Error: "nothing was sent: our own network: too many open files"},
		{Outcome: outbox.OutcomeInterrupted, Ours: true, Error: "nothing was sent: our own network: DNS: too many open files"},
	}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}
