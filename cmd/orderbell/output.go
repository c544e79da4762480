package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// printJSON prints one object.
func printJSON(to io.Writer, object any) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// printTable prints rows of cells, in columns.
func printTable(to io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = shown(cell)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// printLine prints a line of a result.
func printLine(to io.Writer, format string, args ...any) error {
	if _, err := fmt.Fprintf(to, format+"\n", args...); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// say prints a line on standard error.
func say(cmd *cobra.Command, format string, args ...any) {
	// Where that fails nobody is left to be told.
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
}

// shown keeps what others have written from moving the cursor of a terminal.
func shown(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// counted writes a number before the words that go with it.
func counted(n int64, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// instant writes a time as the explanations in the database do.
func instant(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 MST") }
