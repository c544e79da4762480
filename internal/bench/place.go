package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/postgres"
)

// place is the server that everything is measured on, and the databases that were
// made there.
type place struct {
	server *devpg.Server // nil where it is somebody else's
	admin  string        // the URL of a database that is there already
	made   []string
}

// openPlace starts a private server that keeps its word (fsync, synchronous
// commits), or tries the one that was given.
func openPlace(ctx context.Context, o Options, log *slog.Logger) (*place, error) {
	if o.DatabaseURL != "" {
		return &place{admin: o.DatabaseURL}, nil
	}
	server, err := devpg.Start(ctx, devpg.Options{
		Durable: true, Log: log,
		// Checkpoints come when the bench asks for one, between measurements.
		Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "1h"},
	})
	if err != nil {
		return nil, err
	}
	return &place{server: server, admin: server.URL("postgres")}, nil
}

// Codes of PostgreSQL's.
const (
	cannotCreate = "42501" // insufficient_privilege
	noSuchTable  = "42P01" // undefined_table
	notSupported = "0A000" // feature_not_supported
)

// create makes a database with the schema, and returns its name and its URL.
func (p *place) create(ctx context.Context) (name, address string, err error) {
	name = "orderbell_bench_" + strings.ToLower(rand.Text()[:10])
	// Not to be interrupted: the server would go on, and nobody would know.
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err = p.execute(creating, "create database "+name)
	if refused(err, cannotCreate) {
		return "", "", fmt.Errorf("make a database of the bench's own: this user may not; "+
			"let it with: alter role %s createdb, or leave --database out for a private server", p.user())
	}
	if err != nil {
		return "", "", fmt.Errorf("make a database of the bench's own: %w", err)
	}
	p.made = append(p.made, name)
	address, err = withDatabase(p.admin, name)
	if err != nil {
		return "", "", err
	}
	if err := postgres.MigrateUp(ctx, address); err != nil {
		return "", "", err
	}
	return name, address, nil
}

func (p *place) user() string {
	config, err := pgx.ParseConfig(p.admin)
	if err != nil {
		return "USER"
	}
	return pgx.Identifier{config.User}.Sanitize()
}

// execute runs one statement outside the databases of the bench.
func (p *place) execute(ctx context.Context, statement string) (err error) {
	conn, err := pgx.Connect(ctx, p.admin)
	if err != nil {
		return withoutURL("reach the database", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// withoutURL passes on why, but not the URL, which holds the password.
func withoutURL(doing string, err error) error {
	var bad *pgconn.ParseConfigError
	if errors.As(err, &bad) {
		return errors.New(doing + ": the URL cannot be read")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// close drops what was made, and stops the private server.
func (p *place) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if p.server != nil {
		return p.server.Stop(ctx)
	}
	var failures []error
	for _, name := range p.made {
		failures = append(failures, p.drop(ctx, name))
	}
	return errors.Join(failures...)
}

// drop drops a database of the bench, unless that has happened already.
func (p *place) drop(ctx context.Context, name string) error {
	if err := p.execute(ctx, "drop database if exists "+name+" with (force)"); err != nil {
		return fmt.Errorf("drop the bench's database; do it with: drop database %s: %w", name, err)
	}
	return nil
}

// withDatabase names another database of the same server, in an address of either
// form that PostgreSQL knows.
func withDatabase(address, name string) (string, error) {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return address + " dbname=" + name, nil // the last one counts
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("read the database URL: it is malformed") // url's error quotes it
	}
	query := u.Query()
	query.Del("dbname")
	query.Del("database")
	u.Path, u.RawPath, u.RawQuery = "/"+name, "", query.Encode()
	return u.String(), nil
}
