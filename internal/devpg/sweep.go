package devpg

import (
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// abandonedAfter leaves a dead owner's watcher the time to tidy up itself, and
// a new owner the time to take its lock.
const abandonedAfter = time.Minute

// sweep removes temporary folders whose owners died together with their
// watchers. What it can't remove it leaves: the next start tries again.
func sweep(a account, log *slog.Logger) {
	for _, base := range temporaryBases() {
		paths, err := filepath.Glob(filepath.Join(base, folderPrefix+"*"))
		if err != nil {
			continue
		}
		for _, path := range paths {
			if sweepOne(path, a) {
				log.Info("removed the folder of a private PostgreSQL whose owner died", "folder", path)
			}
		}
	}
}

func sweepOne(path string, a account) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || time.Since(info.ModTime()) < abandonedAfter {
		return false
	}
	// Anybody may make a folder of that name among temporary files.
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != a.uid {
		return false
	}
	lock, err := lockFile(filepath.Join(path, lockName), 0)
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	return os.RemoveAll(path) == nil
}
