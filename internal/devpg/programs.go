package devpg

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// The versions that Orderbell works with.
const (
	oldest = 14
	newest = 18
)

// programs is a folder with initdb and postgres of a version that will do.
type programs struct {
	dir     string
	version string // such as "15.18"
}

// examine runs a folder's postgres as the user that will have to run it. A link
// is followed, since PostgreSQL's other files lie beside the real program.
func examine(ctx context.Context, dir string, a account) (programs, error) {
	if target, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil {
		dir = filepath.Dir(target)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return programs{}, err
	}
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return programs{}, fmt.Errorf("%s has no program %s", dir, name)
		}
	}
	version, err := askVersion(ctx, filepath.Join(dir, "postgres"), a)
	if err != nil {
		return programs{}, fmt.Errorf("%s: %w", dir, err)
	}
	return programs{dir: dir, version: version}, nil
}

func askVersion(ctx context.Context, postgres string, a account) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, postgres, "--version")
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.SysProcAttr = a.attributes()
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask postgres for its version: %w\n%s", err, tail(output))
	}
	return acceptVersion(string(output))
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (([0-9]+)[^ \n]*)`)

// acceptVersion reads what `postgres --version` says, such as
// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "... 18beta1".
func acceptVersion(line string) (string, error) {
	match := versionLine.FindStringSubmatch(line)
	if match == nil {
		return "", fmt.Errorf("read the version of postgres: it said %.80q", line)
	}
	major, err := strconv.Atoi(match[2])
	if err != nil {
		return "", fmt.Errorf("read the version of postgres: %w", err)
	}
	switch {
	case major < oldest:
		return "", errors.New("PostgreSQL " + match[1] + " is too old")
	case major > newest:
		return "", errors.New("PostgreSQL " + match[1] + " is newer than Orderbell knows")
	}
	return match[1], nil
}
