package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/orderbell/orderbell/internal/config"
)

// findings are what is wrong, though the command has done its work.
type findings []string

func (f findings) Error() string { return strings.Join(f, "\n") }

// errorLines is how an error is told: one line, or one for each problem.
func errorLines(err error) []string {
	const name = "orderbell: "
	var (
		configuration *config.Error
		found         findings
		lines         []string
	)
	switch {
	case err == nil:
	case errors.As(err, &configuration):
		for _, problem := range configuration.Problems {
			lines = append(lines, problemLine(problem, name))
		}
	case errors.As(err, &found):
		for _, finding := range found {
			lines = append(lines, name+finding)
		}
	default:
		lines = append(lines, name+sentence(err))
	}
	return lines
}

// problemLine leaves a place in a file at the beginning, where editors look for it.
func problemLine(p config.Problem, before string) string {
	if p.Line > 0 {
		return p.String()
	}
	return before + p.String()
}

const insufficientPrivilege = "42501"

// withRight adds who has the right that a command lacked: the README's "Rights".
func withRight(command string, err error) error {
	var code interface{ SQLState() string }
	if !errors.As(err, &code) || code.SQLState() != insufficientPrivilege {
		return err
	}
	words := append(strings.Fields(command), "", "")
	switch words[1] {
	case "scan":
		return fmt.Errorf("%w; the role orderbell_worker has the right, and for scan list orderbell_reader: grant one to this user", err)
	case "work":
		return fmt.Errorf("%w; the role orderbell_worker has the right: grant it to this user", err)
	case "status", "history":
		return fmt.Errorf("%w; the role orderbell_reader has the right: grant it to this user", err)
	case "endpoint", "hook", "wake":
		return fmt.Errorf("%w; the role orderbell_operator has the right: grant it to this user", err)
	case "migrate":
		return fmt.Errorf("%w; the owner of the schema orderbell has the right or, where there is none yet, who may make one", err)
	}
	return err
}

var sqlState = regexp.MustCompile(` \(SQLSTATE [0-9A-Z]{5}\)`)

// sentence makes one line of an error: pgx puts each address that it has tried on
// a line of its own, and adds codes that help nobody who reads.
func sentence(err error) string {
	text := sqlState.ReplaceAllString(err.Error(), "")
	text = strings.ReplaceAll(text, ":\n\t", ": ")
	return strings.ReplaceAll(text, "\n\t", "; ")
}
