package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// SecretRow is a version of an endpoint's secret, as it is stored.
type SecretRow struct {
	Endpoint string
	outbox.Secret
	CreatedAt time.Time
	RetiresAt *time.Time
}

type secretRow struct {
	Endpoint, KeyID string
	Version         int
	Sealed          []byte
	CreatedAt       time.Time
	RetiresAt       *time.Time
}

// Secrets returns an endpoint's secrets, or those of all endpoints where it is empty, of
// each the newest first.
func (db *DB) Secrets(ctx context.Context, endpoint string) ([]SecretRow, error) {
	rows, err := query[secretRow](ctx, db.reads, "read secrets", sqlSecrets, pgx.StrictNamedArgs{"endpoint": orNull(endpoint)})
	if err != nil {
		return nil, err
	}
	secrets := make([]SecretRow, len(rows))
	for i, row := range rows {
		secrets[i] = SecretRow{
			Endpoint: row.Endpoint, Secret: outbox.Secret{Version: row.Version, KeyID: row.KeyID, Sealed: row.Sealed},
			CreatedAt: row.CreatedAt, RetiresAt: row.RetiresAt,
		}
	}
	return secrets, nil
}

// AddSecret adds the next version of an endpoint's secret. The older ones sign for the
// overlap, and are destroyed then. It fails where the version is not the next one.
func (db *DB) AddSecret(ctx context.Context, endpoint string, s outbox.Secret, overlap time.Duration) error {
	_, err := query[struct{ Done *string }](ctx, db.reads, "add a secret", sqlAddSecret, pgx.StrictNamedArgs{
		"endpoint": endpoint, "version": s.Version, "key_id": s.KeyID, "sealed": s.Sealed, "overlap": overlap,
	})
	return err
}

// ResealSecret stores a secret sealed under another master key than it was; false where
// somebody else has changed it meanwhile.
func (db *DB) ResealSecret(ctx context.Context, endpoint, was string, s outbox.Secret) (bool, error) {
	row, err := queryOne[struct{ Done bool }](ctx, db.reads, "reseal a secret", sqlResealSecret, pgx.StrictNamedArgs{
		"endpoint": endpoint, "version": s.Version, "was": was, "key_id": s.KeyID, "sealed": s.Sealed,
	})
	return row.Done, err
}

// DestroySecrets destroys the secrets that have retired, and returns how many.
func (db *DB) DestroySecrets(ctx context.Context) (int, error) {
	var destroyed int
	if err := db.reads.QueryRow(ctx, sqlDestroySecrets.text).Scan(&destroyed); err != nil {
		return 0, fmt.Errorf("destroy retired secrets: %w", err)
	}
	return destroyed, nil
}

// SetEndpointFault writes why the rows of an endpoint are parked, or that they no longer are.
func (db *DB) SetEndpointFault(ctx context.Context, id, fault string) error {
	_, err := query[struct{}](ctx, db.reads, "set the fault of an endpoint", sqlSetEndpointFault,
		pgx.StrictNamedArgs{"id": id, "fault": storable(fault)})
	return err
}

// FaultyEndpoints returns endpoints whose rows are parked, those that come after an id, 100
// at the most.
func (db *DB) FaultyEndpoints(ctx context.Context, after string) ([]string, error) {
	rows, err := query[struct{ ID string }](ctx, db.reads, "look for parked endpoints", sqlFaultyEndpoints, pgx.StrictNamedArgs{"after": after})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids, nil
}
