package config

import (
	"slices"
	"strings"
)

const prefix = "ORDERBELL_"

// notConfiguration are the variables that development uses beside the keys.
var notConfiguration = []string{prefix + "PG_BIN", prefix + "CHAOS", prefix + "CHAOS_SEED", prefix + "CHAOS_REPORT"}

// variable names the environment variable that overrides a key.
func variable(path string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// readEnvironment stores what the environment sets. Unknown variables are warned
// of, not refused: another program's, or a newer release's, may be there.
func (c *Config) readEnvironment(environ []string) (problems, warnings []Problem) {
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(notConfiguration, name) {
			continue
		}
		i := slices.IndexFunc(keys, func(k key) bool { return variable(k.path) == name })
		if i < 0 {
			warnings = append(warnings, Problem{Source: name, Text: "is not known and sets nothing" + didYouMean(nearestVariable(name))})
			continue
		}
		problems = append(problems, c.readVariable(keys[i], name, strings.TrimSpace(value))...)
	}
	return problems, warnings
}

func (c *Config) readVariable(k key, name, value string) []Problem {
	if value == "" {
		return nil
	}
	if k.missing != "" {
		return []Problem{{Source: name, Key: k.path, Text: k.refusal(name)}}
	}
	if k.fileOnly {
		return []Problem{{Source: name, Key: k.path, Text: "a list of entries can be set in the file alone; leave " + name + " out"}}
	}
	if !k.list {
		return k.apply(c, name, []item{{text: value}})
	}
	var items []item
	for text := range strings.SplitSeq(value, ",") {
		items = append(items, item{text: strings.TrimSpace(text)})
	}
	return k.apply(c, name, items)
}
