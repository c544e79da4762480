package config

import "strings"

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + name + "?"
}

// nearestKey returns the key or section that an unknown path was most likely
// meant to be, or nothing: one slip for three letters of its last word, at most
// two, or else the same word in another section.
func nearestKey(path string) string {
	best, least := "", min(2, (len(leaf(path))+1)/3)+1
	for _, k := range keys {
		section, _, _ := strings.Cut(k.path, ".")
		for _, candidate := range []string{k.path, section} {
			if d := distance(path, candidate); d < least {
				best, least = candidate, d
			}
		}
	}
	if best != "" {
		return best
	}
	for _, k := range keys {
		if leaf(k.path) == leaf(path) {
			return k.path
		}
	}
	return ""
}

func nearestVariable(name string) string {
	best, least := "", 3
	for _, k := range keys {
		if d := distance(name, variable(k.path)); d < least {
			best, least = variable(k.path), d
		}
	}
	return best
}

func leaf(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// distance is how many characters must be added, removed or changed to get from
// one word to the other (Levenshtein's). Words whose lengths differ by more than
// two are just far apart.
func distance(a, b string) int {
	if len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
