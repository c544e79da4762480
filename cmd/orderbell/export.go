package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderbell/orderbell/migrations"
)

func migrateExportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export DIR", Short: "Write the migrations into a folder, for a goose of your own",
		DisableFlagsInUseLine: true, Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			written, err := export(migrations.FS, args[0])
			for _, path := range written {
				err = errors.Join(err, printLine(cmd.OutOrStdout(), "wrote %s", path))
			}
			if err == nil && len(written) == 0 {
				err = printLine(cmd.OutOrStdout(), "nothing to do: every migration is in %s", args[0])
			}
			return err
		},
	}
}

// export writes the files that dir lacks and returns their paths. Where one is
// there with another content it writes nothing.
func export(files fs.FS, dir string) (written []string, err error) {
	missing, err := compare(files, dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as readable as any source
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	for _, name := range missing {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return written, fmt.Errorf("read migration %s: %w", name, err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // as readable as any source
			return written, fmt.Errorf("write a migration: %w", err)
		}
		written = append(written, path)
	}
	return written, nil
}

// compare returns the files that dir lacks, or an error that lists those that are
// there with another content.
func compare(files fs.FS, dir string) (missing []string, err error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list the migrations: %w", err)
	}
	var different []string
	for _, name := range names {
		ours, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		theirs, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // the operator names the folder
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, name)
		case err != nil:
			return nil, fmt.Errorf("look at what is there: %w", err)
		case !bytes.Equal(ours, theirs):
			different = append(different, name)
		}
	}
	if len(different) > 0 {
		return nil, fmt.Errorf("export to %s: these files are there with another content: %s; nothing was written",
			dir, strings.Join(different, ", "))
	}
	return missing, nil
}
