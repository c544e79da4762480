package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/migrations"
)

// version is set by the linker, -ldflags "-X main.version=v1.2.3", where a release
// is built from something other than its tag.
var version string //nolint:gochecknoglobals // the linker can set nothing else

// programVersion is the release, or what the go command knew of the commit.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}

func versionLine() string {
	return fmt.Sprintf("orderbell %s (schema %d, %s %s/%s)",
		programVersion(), migrations.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which release this is",
		DisableFlagsInUseLine: true, Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printLine(cmd.OutOrStdout(), "%s", versionLine())
		},
	}
}
