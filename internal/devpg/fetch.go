package devpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// fetchedVersion is what a machine without PostgreSQL gets.
const fetchedVersion = embeddedpostgres.V18

// registry is where archives of PostgreSQL are fetched from, and where the
// unpacked programs are kept.
type registry struct {
	url   string
	cache string // empty: the user's, or /var/cache for root
}

func mavenCentral() registry { return registry{url: "https://repo1.maven.org/maven2"} }

// fetch returns the programs from the cache, after filling it if need be. Two
// processes may fill it at once: the first one's folder stays.
func (r registry) fetch(ctx context.Context, a account, log *slog.Logger) (programs, error) {
	cache, err := r.cacheFolder(a)
	if err != nil {
		return programs{}, fmt.Errorf("find the cache folder: %w", err)
	}
	home := filepath.Join(cache, "postgres-"+string(fetchedVersion))
	if found, err := examine(ctx, filepath.Join(home, "bin"), a); err == nil {
		return found, nil
	}
	log.Info("fetching PostgreSQL, once: this machine has none", "version", string(fetchedVersion), "from", r.url, "to", home)
	if err := r.fill(ctx, cache, home); err != nil {
		return programs{}, err
	}
	found, err := examine(ctx, filepath.Join(home, "bin"), a)
	if err != nil {
		return programs{}, fmt.Errorf("use the fetched PostgreSQL: %w", err)
	}
	return found, nil
}

// cacheFolder is a folder that PostgreSQL's user can enter, which root's home
// usually isn't.
func (r registry) cacheFolder(a account) (string, error) {
	switch {
	case r.cache != "":
		return r.cache, nil
	case a.other:
		return "/var/cache/orderbell", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "orderbell"), nil
}

// fill unpacks beside the cache's folder and moves the whole into place, so that
// a half-unpacked folder never counts.
func (r registry) fill(ctx context.Context, cache, home string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	work, err := os.MkdirTemp(cache, "fetching-")
	if err != nil {
		return fmt.Errorf("make a folder to unpack into: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- r.unpack(work, home) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done(): // the fetching can't be interrupted; the folder goes when it ends
		return context.Cause(ctx)
	}
}

func (r registry) unpack(work, home string) (err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	unpacked := filepath.Join(work, "postgres")
	fetching := fetchOnly(r.url, work, unpacked)
	if _, err := os.Stat(filepath.Join(unpacked, "bin", "postgres")); err != nil {
		return fmt.Errorf("fetch PostgreSQL %s from %s: %w", fetchedVersion, r.url, fetching)
	}
	if err := os.Rename(unpacked, home); err != nil {
		if _, missing := os.Stat(filepath.Join(home, "bin", "postgres")); missing != nil {
			return fmt.Errorf("move PostgreSQL into the cache: %w", err)
		}
	}
	return nil
}

// fetchOnly has embedded-postgres fetch and unpack, and refuse the rest:
// os.RemoveAll takes no path that ends in a dot, so it fails to clear the data
// folder, before it has run anything. An error is therefore expected. It leaves
// an empty embedded_postgres_log* among temporary files.
func fetchOnly(url, work, unpacked string) error {
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(fetchedVersion).
		BinaryRepositoryURL(url).
		Port(0).
		CachePath(filepath.Join(work, "archive")).
		RuntimePath(filepath.Join(work, "runtime")).
		BinariesPath(unpacked).
		DataPath(filepath.Join(work, "data") + "/.").
		Logger(io.Discard))
	err := server.Start()
	if err == nil {
		err = errors.Join(errors.New("embedded-postgres started what it should have refused"), server.Stop())
	}
	return err
}
