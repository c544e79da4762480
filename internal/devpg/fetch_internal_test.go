package devpg

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// smallArchive has bin/postgres, which says that it is 18.3, and an initdb and a
// pg_ctl that fail. Made by `tar -cf - bin | xz -9e --check=crc32 | base64`.
const smallArchive = `
/Td6WFoAAAFpIt42AgAhARwAAAAQz1jM4Cf/ALRdADEaShsFkZA3OlG9V3Gz1uQT2IkQonAbexNN15tic70r6rNJbkVqC6RLQH26
65UL531xp7xGLwZ7XwcXL/wvKJ1aBeMCqWTjQH7YxblWRHR1bDaTTIvu62NBMQ4WBd+n1r9W4Nq4ccyJWSnfRt0IfTgKuOcjUlM2
f8+SWwD6fsv1WNFI1/pVqbivrgDqU1EDkT1gq8fXe7UEQmx1XVOzqaizySbIH34MQvc2x1wPW1kWv1q6YADJbzMiAAHMAYBQAAAp
u/oZPjANiwIAAAAAAVla`

// jar wraps an archive as the registry does.
func jar(t *testing.T) []byte {
	t.Helper()
	content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(smallArchive, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	file, err := archive.Create("postgres-any.txz")
	if err != nil {
		t.Fatal(err)
	}
	_, errWrite := file.Write(content)
	if err := errors.Join(errWrite, archive.Close()); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// serve is a registry on this machine, with a fresh cache.
func serve(t *testing.T, handler http.HandlerFunc) (registry, account) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	account, err := chooseAccount()
	if err != nil {
		t.Fatal(err)
	}
	return registry{url: server.URL, cache: filepath.Join(open(t), "cache")}, account
}

func TestFetch(t *testing.T) {
	t.Parallel()
	content := jar(t)
	var requests atomic.Int32
	registry, account := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".jar") {
			http.NotFound(w, r)
			return
		}
		requests.Add(1)
		_, _ = w.Write(content)
	})
	want := programs{dir: filepath.Join(registry.cache, "postgres-"+string(fetchedVersion), "bin"), version: "18.3"}
	for range 2 { // the second time from the cache
		found, err := registry.fetch(t.Context(), account, slog.New(slog.DiscardHandler))
		if err != nil || found != want {
			t.Fatalf("got %+v, %v, want %+v", found, err, want)
		}
	}
	if requests.Load() != 1 {
		t.Errorf("%d requests, want 1", requests.Load())
	}
	entries, err := os.ReadDir(registry.cache)
	if err != nil || len(entries) != 1 {
		t.Errorf("the cache has %v, %v", entries, err)
	}
}

// TestFetchLosesTheRace has another process fill the cache while we fetch.
func TestFetchLosesTheRace(t *testing.T) {
	t.Parallel()
	content := jar(t)
	var home string
	registry, account := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".jar") {
			http.NotFound(w, r)
			return
		}
		installed(t, filepath.Join(home, "bin"), "18.9")
		_, _ = w.Write(content)
	})
	home = filepath.Join(registry.cache, "postgres-"+string(fetchedVersion))
	found, err := registry.fetch(t.Context(), account, slog.New(slog.DiscardHandler))
	if err != nil || found.version != "18.9" {
		t.Errorf("got %+v, %v", found, err)
	}
}

func TestFetchFails(t *testing.T) {
	t.Parallel()
	content := jar(t)
	for _, test := range []struct {
		name, want string
		handler    http.HandlerFunc
	}{
		{
			name:    "no such version",
			want:    "no version found",
			handler: http.NotFound,
		},
		{
			name: "wrong checksum",
			want: "checksums do not match",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(content) // as its own checksum too
			},
		},
		{
			name: "not an archive",
			want: "not a valid zip file",
			handler: func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, ".sha256") {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write([]byte("<html>log in to the hotel's network</html>"))
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			registry, account := serve(t, test.handler)
			_, err := registry.fetch(t.Context(), account, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), registry.url) {
				t.Errorf("got %v, want %q and the registry", err, test.want)
			}
			if entries, err := os.ReadDir(registry.cache); err != nil || len(entries) > 0 {
				t.Errorf("the cache has %v, %v", entries, err)
			}
		})
	}
}

func TestFetchUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	err := registry{url: server.URL}.fill(t.Context(), open(t), filepath.Join(t.TempDir(), "home"))
	if err == nil || !strings.Contains(err.Error(), "unable to connect to "+server.URL) {
		t.Errorf("got %v", err)
	}
}

func TestFetchIsCancelled(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	release := make(chan struct{})
	registry, account := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		http.NotFound(w, r)
	})
	t.Cleanup(func() { close(release) }) // before the server closes
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := registry.fetch(ctx, account, slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
