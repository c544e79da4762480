package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/orderbell/orderbell/internal/secret"
)

// masterKeys makes the set of a key that master keys come from.
func masterKeys(parse func(string) (*secret.Keyring, error), from func(*Secrets) *bool) func(*Config, []string) []error {
	return func(c *Config, texts []string) []error {
		ring, err := parse(texts[0])
		c.Secrets.Keyring = ring
		*from(&c.Secrets) = true
		return []error{err}
	}
}

// masterKey reads keys, and quotes none of them.
func masterKey(text string) (*secret.Keyring, error) {
	ring, err := secret.ParseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("is no list of master keys: %w", err)
	}
	return ring, nil
}

// masterKeyFile reads keys from a file.
func masterKeyFile(path string) (*secret.Keyring, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	var failed *fs.PathError
	switch {
	case errors.As(err, &failed):
		return nil, fmt.Errorf("cannot be read: %w", failed.Err)
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	case len(text) > maxPEM:
		return nil, errors.New("is too long for a file of master keys")
	}
	ring, err := secret.ParseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("holds no list of master keys: %w", err)
	}
	return ring, nil
}
