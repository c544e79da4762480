package config

import (
	"errors"
	"os"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest worker name in characters, that of a PostgreSQL identifier.
const maxName = 63

func workerName(text string) (string, error) {
	if n := utf8.RuneCountInString(text); n < 1 || n > maxName || !utf8.ValidString(text) {
		return text, errors.New("is no worker name; allowed: 1 to 63 printable characters")
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return text, errors.New("holds a character that does not print; allowed: 1 to 63 printable characters")
		}
	}
	return text, nil
}

// defaultName is the machine's name and the process id. A long name keeps its
// beginning, which tells machines apart more often than the domain at its end.
func defaultName() string {
	host, err := os.Hostname()
	return nameFor(host, err, os.Getpid())
}

func nameFor(host string, err error, pid int) string {
	suffix := "-" + strconv.Itoa(pid)
	runes := []rune(host)
	runes = runes[:min(len(runes), maxName-len(suffix))]
	name, bad := workerName(string(runes) + suffix)
	if err != nil || host == "" || bad != nil {
		return "worker" + suffix
	}
	return name
}
