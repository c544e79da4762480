package config

import "net/netip"

// Load reads the file at path, lays the environment over it (environ is in the
// form of [os.Environ]), and checks the whole. An empty path means no file: the
// environment and the defaults. Warnings are problems that stop nothing. Any
// error is an *[Error] with every problem there is.
func Load(path string, environ []string) (c *Config, warnings []Problem, err error) {
	c = Default()
	var problems []Problem
	if path != "" {
		problems = c.readFile(path)
	}
	wrong, warnings := c.readEnvironment(environ)
	problems = append(problems, wrong...)
	if c.Database.URL == "" && c.Database.ListenURL != "" {
		problems = append(problems, Problem{Key: "database.listen_url", Text: "is set, but database.url is not; set both, or database.url alone"})
	}
	if c.Secrets.FromKey && c.Secrets.FromFile {
		problems = append(problems, Problem{Key: "secrets.master_key_file", Text: "is set, and so is secrets.master_key; set one of them"})
	}
	if len(problems) > 0 {
		return nil, warnings, &Error{Problems: problems, Database: c.Database, Scans: c.Scans}
	}
	if c.Database.ListenURL == "" {
		c.Database.ListenURL = c.Database.URL
	}
	warnings = append(warnings, openDoors(c.Network.Allow)...)
	return c, append(warnings, openListeners(c.API)...), nil
}

// openDoors warns of ranges that switch the address policy off.
func openDoors(allow []netip.Prefix) []Problem {
	var warnings []Problem
	for _, prefix := range allow {
		if prefix.Bits() == 0 {
			warnings = append(warnings, Problem{
				Key:  "network.allow",
				Text: prefix.String() + " opens every private address to whoever may write an endpoint's URL; name only the ranges where receivers live",
			})
		}
	}
	return warnings
}
