package devpg

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// PsqlCommand is a line for the shell that opens psql on a database, or "" where
// there is no psql. The password is passed in the environment, which other users
// can't see, unlike arguments.
func (s *Server) PsqlCommand(database string) string {
	psql := "psql"
	if _, err := exec.LookPath(psql); err != nil {
		psql = filepath.Join(s.programs.dir, "psql")
		if _, err := exec.LookPath(psql); err != nil {
			return ""
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("PGPASSWORD=%s %s -h 127.0.0.1 -p %d -U %s %s",
		s.password, shellWord(psql), s.port, superuser, shellWord(database))
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_/@.+][A-Za-z0-9_/@.+-]*$`)

func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
