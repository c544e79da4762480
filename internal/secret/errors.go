package secret

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNoMasterKey means that none is configured.
	ErrNoMasterKey = errors.New("there is no master key: set secrets.master_key or secrets.master_key_file")
	// ErrDoesNotOpen means that the key is there, and what it shall open was made for another row
	// or has changed since.
	ErrDoesNotOpen = errors.New("it does not open: it belongs to another endpoint or version, or was changed")
)

// UnknownKeyError means that a secret was sealed with a master key that is not there.
type UnknownKeyError struct {
	Endpoint string
	Version  int
	KeyID    string   // the key that is missing
	Have     []string // those that are there
}

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("open version %d of endpoint %q's secret: there is no master key with the id %q, only %s",
		e.Version, e.Endpoint, e.KeyID, strings.Join(e.Have, ", "))
}
