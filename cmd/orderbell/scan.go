package main

import (
	"strings"

	"github.com/orderbell/orderbell/internal/config"
)

// scanNamed finds a configured scan; none is wrong usage that says which there are.
func scanNamed(c *config.Config, name string) (config.Scan, error) {
	var names []string
	for _, scan := range c.Scans {
		if scan.Name == name {
			return scan, nil
		}
		names = append(names, scan.Name)
	}
	if len(names) == 0 {
		return config.Scan{}, usagef("there is no scan %s: the configuration has none; name its file with --config, and see scans in config.example.yaml", shown(name))
	}
	return config.Scan{}, usagef("there is no scan %s; the configuration has: %s", shown(name), strings.Join(names, ", "))
}
