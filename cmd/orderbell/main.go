package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/demo"
)

func main() {
	cmd, err := newRoot().ExecuteContextC(context.Background())
	err = withRight(cmd.CommandPath(), err)
	for _, line := range errorLines(err) {
		fmt.Fprintln(os.Stderr, line)
	}
	os.Exit(exitStatus(err))
}

// exitStatus is 0: done, 1: it failed, 2: wrong usage or configuration.
func exitStatus(err error) int {
	var (
		usage         usageError
		configuration *config.Error
		scene         *demo.SceneError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.As(err, &configuration), errors.As(err, &scene):
		return 2
	}
	return 1
}
