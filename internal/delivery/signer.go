package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/secret"
)

// mostSigners bounds the memory of keys that were read: 0.2 ms each for RSA.
const mostSigners = 16_384

// signer signs the requests of one endpoint, by one scheme.
type signer struct {
	scheme  sign.Scheme
	secrets []outbox.Secret // what the keys were read from
	keys    []*sign.Key
}

// signers remembers the keys of endpoints, opened and read.
type signers struct {
	ring *secret.Keyring

	mu    sync.Mutex
	known map[string]*signer // by endpoint
}

func newSigners(ring *secret.Keyring) *signers {
	return &signers{ring: ring, known: make(map[string]*signer)}
}

// unsignedError is why something that is to be signed cannot be, for a reason on our side.
type unsignedError struct{ error }

func (e *unsignedError) Unwrap() error { return e.error }

// errNoSecret is of an endpoint that should sign and cannot.
var errNoSecret = errors.New("it has no secret; make one with: orderbell endpoint rotate-secret")

// of is the signer of an endpoint, by its own scheme or its policy's; nil where that is
// none. An error says why
// nothing may be sent: never is anything sent unsigned that should be signed.
func (s *signers) of(endpoint, own string, policy *outbox.Policy, secrets []outbox.Secret) (*signer, error) {
	scheme, err := schemeOf(own, policy)
	if err != nil {
		return nil, err
	}
	if !scheme.Signs() {
		return nil, nil //nolint:nilnil // nobody signs, and that is meant
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.known[endpoint]; known != nil && known.scheme == scheme && slices.EqualFunc(known.secrets, secrets, sameSecret) {
		return known, nil
	}
	read, err := s.read(scheme, endpoint, secrets)
	if err != nil {
		return nil, err
	}
	if len(s.known) >= mostSigners {
		clear(s.known)
	}
	s.known[endpoint] = read
	return read, nil
}

func schemeOf(own string, policy *outbox.Policy) (sign.Scheme, error) {
	scheme, err := sign.Parse(cmp.Or(own, policy.Signature, "none"))
	if err != nil {
		return sign.Scheme{}, err
	}
	return scheme, scheme.Fits(policy.Method, policy.Format)
}

func sameSecret(a, b outbox.Secret) bool {
	return a.Version == b.Version && a.KeyID == b.KeyID && string(a.Sealed) == string(b.Sealed)
}

func (s *signers) read(scheme sign.Scheme, endpoint string, secrets []outbox.Secret) (*signer, error) {
	if len(secrets) == 0 {
		return nil, errNoSecret
	}
	read := &signer{scheme: scheme, secrets: secrets}
	for _, sealed := range secrets {
		plain, err := s.ring.Open(sealed.KeyID, sealed.Sealed, endpoint, sealed.Version)
		if err != nil {
			return nil, err
		}
		key, err := scheme.Key(plain)
		clear(plain)
		if err != nil {
			return nil, fmt.Errorf("version %d of its secret: %w", sealed.Version, err)
		}
		read.keys = append(read.keys, key)
	}
	return read, nil
}

// sign signs what a claim sends. An [unsignedError] is for us to mend.
func (s *signers) sign(claim *outbox.Claim, body string) (sign.Signed, error) {
	by, err := s.of(claim.Endpoint, claim.Signature, claim.Policy, claim.Secrets)
	if err != nil {
		return sign.Signed{}, &unsignedError{err}
	}
	if by == nil {
		return sign.Signed{Body: body}, nil
	}
	signed, err := by.scheme.Sign(by.keys, &sign.Message{
		ID: outbox.FormatID(claim.ID), Event: claim.Event, Created: outbox.IDTime(claim.ID), At: claim.At,
		Method: claim.Policy.Method, Format: claim.Policy.Format, Body: body,
	})
	if err != nil && !errors.Is(err, sign.ErrBody) {
		err = &unsignedError{err}
	}
	return signed, err
}

// CheckEndpoint reads how an endpoint's requests are signed under a policy. An error says,
// in one line, why nothing can be sent, so that its rows are parked.
func (c *Courier) CheckEndpoint(e *outbox.Endpoint, p *outbox.Policy) error {
	_, err := c.signers.of(e.ID, e.Signature, p, e.Secrets)
	return err
}
