package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
	"github.com/orderbell/orderbell/internal/secret"
)

// Rotation is a new version of an endpoint's secret.
type Rotation struct {
	Endpoint string
	Scheme   string
	Version  int
	// Both tells that the former secret signs beside the new one until the overlap is
	// over; where the scheme has room for one signature it signs instead of it.
	Both bool
	// Former tells that there is one.
	Former bool
	// Give is what to give to the merchant. It is shown once.
	Give string
}

// NewSecret says where a new secret comes from.
type NewSecret struct {
	// Imported is the secret; empty: a new one is made.
	Imported []byte
	// Ed25519 makes a pair of keys instead of a shared secret, for standard-webhooks.
	Ed25519 bool
	// Overlap is how long the former ones go on signing.
	Overlap time.Duration
}

// RotateSecret gives an endpoint a new secret, sealed under the first master key.
func RotateSecret(ctx context.Context, c *config.Config, db *postgres.DB, id string, from NewSecret) (Rotation, error) {
	scheme, err := schemeOf(ctx, db, id)
	if err != nil {
		return Rotation{}, err
	}
	plain, give, err := newSecret(scheme, from)
	if err != nil {
		return Rotation{}, fmt.Errorf("make a secret for endpoint %s: %w", id, err)
	}
	defer clear(plain)
	secrets, err := db.Secrets(ctx, id)
	if err != nil {
		return Rotation{}, err
	}
	if from.Overlap > 0 {
		if err := canGoOn(c.Secrets.Keyring, scheme, secrets); err != nil {
			return Rotation{}, fmt.Errorf("endpoint %s: its former secret cannot go on signing: %w; with --overlap 0s it is destroyed, and the new one signs at once", id, err)
		}
	}
	r := Rotation{Endpoint: id, Scheme: scheme.String(), Version: 1, Give: give, Former: len(secrets) > 0, Both: scheme.ManySignatures()}
	if r.Former {
		r.Version = secrets[0].Version + 1
	}
	sealed := outbox.Secret{Version: r.Version}
	if sealed.KeyID, sealed.Sealed, err = c.Secrets.Keyring.Seal(plain, id, r.Version); err != nil {
		return Rotation{}, err
	}
	return r, db.AddSecret(ctx, id, sealed, from.Overlap)
}

// canGoOn says why a secret that is there could not sign during an overlap: it was made for
// another scheme, or is sealed under a master key that is not here. Its endpoint would be
// parked until the overlap is over.
func canGoOn(ring *secret.Keyring, scheme sign.Scheme, secrets []postgres.SecretRow) error {
	for _, row := range secrets {
		if row.RetiresAt != nil && row.RetiresAt.Before(time.Now()) {
			continue
		}
		plain, err := ring.Open(row.KeyID, row.Sealed, row.Endpoint, row.Version)
		if err != nil {
			return err
		}
		_, err = scheme.Key(plain)
		clear(plain)
		if err != nil {
			return fmt.Errorf("version %d: %w", row.Version, err)
		}
	}
	return nil
}

func newSecret(scheme sign.Scheme, from NewSecret) (plain []byte, give string, err error) {
	switch {
	case len(from.Imported) > 0:
		_, err := scheme.Key(from.Imported)
		return from.Imported, "", err
	case from.Ed25519 && !scheme.ManySignatures():
		return nil, "", fmt.Errorf("%s has no pairs of Ed25519 keys; standard-webhooks has", scheme)
	case from.Ed25519:
		return sign.GenerateEd25519()
	}
	return scheme.Generate()
}

// schemeOf is how an endpoint's requests are signed: by its own scheme, or its policy's.
func schemeOf(ctx context.Context, db *postgres.DB, id string) (sign.Scheme, error) {
	endpoint, policy, err := endpointOf(ctx, db, id)
	if err != nil {
		return sign.Scheme{}, err
	}
	scheme, err := sign.Parse(cmp.Or(endpoint.Signature, policy.Signature))
	if err != nil {
		return sign.Scheme{}, fmt.Errorf("endpoint %s: %w", id, err)
	}
	if !scheme.Signs() {
		return sign.Scheme{}, fmt.Errorf("endpoint %s signs nothing: choose a scheme first, with: orderbell endpoint add --signature SCHEME", id)
	}
	return scheme, scheme.Fits(policy.Method, policy.Format)
}

// endpointOf reads an endpoint and its policy.
func endpointOf(ctx context.Context, db *postgres.DB, id string) (*outbox.Endpoint, *outbox.Policy, error) {
	found, err := db.Endpoints(ctx, []string{id})
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, fmt.Errorf("no endpoint %s; orderbell endpoint list shows those that there are", id)
	}
	policies, err := db.Policies(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, policy := range policies {
		if policy.Name == found[0].Policy {
			return found[0], policy, nil
		}
	}
	return nil, nil, fmt.Errorf("endpoint %s has no policy %s", id, found[0].Policy)
}

// ResealSecrets seals every secret anew that another master key than the first has sealed,
// and returns how many of how many.
func ResealSecrets(ctx context.Context, c *config.Config, db *postgres.DB) (resealed, all int, err error) {
	ring := c.Secrets.Keyring
	if len(ring.IDs()) == 0 {
		return 0, 0, secret.ErrNoMasterKey
	}
	secrets, err := db.Secrets(ctx, "")
	if err != nil {
		return 0, 0, err
	}
	var failed error
	for _, row := range secrets {
		if row.KeyID == ring.IDs()[0] {
			continue
		}
		done, err := reseal(ctx, ring, db, row)
		if done {
			resealed++
		}
		failed = errors.Join(failed, err)
	}
	return resealed, len(secrets), failed
}

func reseal(ctx context.Context, ring *secret.Keyring, db *postgres.DB, row postgres.SecretRow) (bool, error) {
	plain, err := ring.Open(row.KeyID, row.Sealed, row.Endpoint, row.Version)
	if err != nil {
		return false, err
	}
	defer clear(plain)
	anew := outbox.Secret{Version: row.Version}
	if anew.KeyID, anew.Sealed, err = ring.Seal(plain, row.Endpoint, row.Version); err != nil {
		return false, err
	}
	return db.ResealSecret(ctx, row.Endpoint, row.KeyID, anew)
}
