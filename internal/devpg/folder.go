package devpg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	folderPrefix = "orderbell-pg-"
	dataName     = "data"
	lockName     = "lock"
)

// folder is where one server lives.
type folder struct {
	path string
	made bool     // by us, so that it is ours to remove
	lock *os.File // locked until we close it or die
}

// makeFolder readies dir, or a new temporary folder where dir is empty.
func makeFolder(dir string, a account) (folder, error) {
	f, err := chooseFolder(dir, a)
	if err != nil {
		return folder{}, err
	}
	if err := f.prepare(a); err != nil {
		return folder{}, errors.Join(fmt.Errorf("prepare folder %s: %w", f.path, err), f.remove())
	}
	return f, nil
}

func chooseFolder(dir string, a account) (folder, error) {
	if dir == "" {
		return temporaryFolder(a)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return folder{}, fmt.Errorf("find folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return folder{}, fmt.Errorf("make folder: %w", err)
	}
	if err := a.canEnter(filepath.Dir(dir)); err != nil {
		return folder{}, fmt.Errorf("use folder %s: %w", dir, err)
	}
	err = os.Mkdir(dir, 0o700)
	if err == nil {
		return folder{path: dir, made: true}, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return folder{}, fmt.Errorf("make folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return folder{}, fmt.Errorf("read folder: %w", err)
	}
	if len(entries) > 0 {
		return folder{}, fmt.Errorf("use folder %s: it is not empty", dir)
	}
	return folder{path: dir}, nil
}

// temporaryFolder tries the usual places too, because TMPDIR may lie in a home
// that PostgreSQL's user can't enter.
func temporaryFolder(a account) (folder, error) {
	var failures []error
	for _, base := range temporaryBases() {
		if err := a.canEnter(base); err != nil {
			failures = append(failures, err)
			continue
		}
		path, err := os.MkdirTemp(base, folderPrefix)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		return folder{path: path, made: true}, nil
	}
	return folder{}, fmt.Errorf("make a temporary folder: %w", errors.Join(failures...))
}

func temporaryBases() []string { return []string{os.TempDir(), "/tmp", "/var/tmp"} }

func (f *folder) prepare(a account) error {
	lock, err := lockFile(filepath.Join(f.path, lockName), os.O_CREATE)
	if err != nil {
		return err
	}
	f.lock = lock
	if err := os.Chmod(f.path, 0o700); err != nil {
		return err
	}
	return a.own(f.path)
}

// remove lets go of the folder, and removes it if we made it.
func (f *folder) remove() error {
	var err error
	if f.made {
		err = removeAll(f.path)
	}
	if f.lock != nil {
		_ = f.lock.Close() // nothing was written
		f.lock = nil
	}
	return err
}

// removeAll tries again for a while: the processes of a postmaster that was killed
// notice it a moment later, and some write a file before they end.
func removeAll(path string) error {
	const tries, pause = 50, 100 * time.Millisecond
	err := os.RemoveAll(path)
	for range tries {
		if !errors.Is(err, fs.ErrExist) { // which a folder that is not empty is too
			return err
		}
		time.Sleep(pause)
		err = os.RemoveAll(path)
	}
	return err
}

// lockFile opens and locks a file, or fails at once where another holds it.
func lockFile(path string, flag int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}
