package devpg

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// configure writes the settings of a new cluster.
func configure(data string, opts Options) error {
	settings := defaults(opts.Durable)
	if opts.SmallDisk > 0 {
		maps.Copy(settings, smallDiskSettings())
	}
	maps.Copy(settings, opts.Settings)
	return addSettings(data, settings)
}

// addSettings appends to postgresql.conf, where the last line of a name counts.
// Rejected: settings on the command line, which ALTER SYSTEM couldn't change.
func addSettings(data string, settings map[string]string) (err error) {
	file, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open postgresql.conf: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.WriteString(render(settings)); err != nil {
		return fmt.Errorf("write postgresql.conf: %w", err)
	}
	return nil
}

func defaults(durable bool) map[string]string {
	onOff := "off"
	if durable {
		onOff = "on"
	}
	return map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"max_connections":         "200",
		"shared_buffers":          "128MB",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_checkpoints":         "off",
		"log_line_prefix":         "%m [%p] %d ",
		"fsync":                   onOff,
		"synchronous_commit":      onOff,
		"full_page_writes":        onOff,
	}
}

// render quotes as postgresql.conf wants it: a backslash escapes there too.
func render(settings map[string]string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `''`)
	var lines strings.Builder
	lines.WriteString("\n# by Orderbell\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&lines, "%s = '%s'\n", name, quote.Replace(settings[name]))
	}
	return lines.String()
}
