package devpg_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/devpg"
)

// ownerVariable makes this test binary the owner of a server in a folder.
const ownerVariable = "DEVPG_TEST_OWNER_OF"

// richVariable gives that server a small disk and a standby, in a folder.
const richVariable = "DEVPG_TEST_OWNER_STANDBY"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerVariable); dir != "" {
		if err := own(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	tmp, err := temporary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(tmp)
		os.Exit(code)
	}))
}

// temporary gives the tests a TMPDIR, since embedded-postgres leaves files there.
func temporary() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "devpg-test-")
	if err != nil {
		return "", err
	}
	return dir, errors.Join(os.Chmod(dir, 0o755), os.Setenv("TMPDIR", dir))
}

// own starts a server, says its process, and stops it when standard input ends.
func own(dir string) error {
	signal.Ignore(syscall.SIGINT)
	ctx, opts, beside := context.Background(), devpg.Options{Dir: dir, Settings: small()}, os.Getenv(richVariable)
	if beside != "" {
		opts.SmallDisk = smallDisk
	}
	server, err := devpg.Start(ctx, opts)
	if err != nil {
		return err
	}
	if beside != "" {
		standby, err := server.Standby(ctx, devpg.StandbyOptions{Dir: beside})
		if err != nil {
			return errors.Join(err, server.Stop(ctx))
		}
		defer func() { _ = standby.Stop(ctx) }()
		fmt.Println(standby.PID())
	}
	fmt.Println(server.PID())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return server.Stop(ctx)
}

func small() map[string]string { return map[string]string{"shared_buffers": "16MB"} }
