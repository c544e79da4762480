package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Options say what is measured, and where.
type Options struct {
	// Only names the measures to take, in any order; all of them if it is empty.
	Only []string
	// Rounds is how often each measure is repeated; 0: as each measure has it.
	Rounds int
	// Quick makes everything so small that all of it takes less than a minute: for a
	// first look, with figures that are rough.
	Quick bool
	// DatabaseURL is a server's: a database is made there, and dropped at the end.
	// Empty: a private server.
	DatabaseURL string
	// Program is the command line of orderbell itself: its executable, and what
	// must stand before a command. Merchant and workers are started by it.
	Program []string
	// Version is sent with requests as User-Agent: orderbell/VERSION.
	Version string
	// Err gets the progress; nil: nobody reads it.
	Err io.Writer
}

// A NameError says that there is no measure of this name.
type NameError struct{ Name string }

func (e *NameError) Error() string {
	return fmt.Sprintf("unknown measure %q; the measures are: %s", e.Name, strings.Join(Names(), ", "))
}

// Names lists the measures, in their order.
func Names() []string {
	var names []string
	for _, m := range measures(Options{}) {
		names = append(names, m.name())
	}
	return names
}

// Check returns a *NameError where Only names what there is not.
func (o Options) Check() error {
	known := Names()
	for _, name := range o.Only {
		if !slices.Contains(known, name) {
			return &NameError{Name: name}
		}
	}
	return nil
}

// chosen are the measures that are to be taken.
func (o Options) chosen() []measure {
	var chosen []measure
	for _, m := range measures(o) {
		if len(o.Only) == 0 || slices.Contains(o.Only, m.name()) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// times is how many rounds a measure takes whose own number this is.
func (o Options) times(own int) int {
	if o.Quick {
		own = 1
	}
	return cmp.Or(o.Rounds, own)
}

// size picks one of two sizes.
func size[T any](o Options, full, quick T) T {
	if o.Quick {
		return quick
	}
	return full
}
