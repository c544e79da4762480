package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
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

	answerText string          // what answerKey was read from
	answerKey  *sign.AnswerKey // nil where answers are not verified
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

func cannotSign(err error) error { return &unsignedError{fmt.Errorf("it cannot be signed: %w", err)} }

func (e *unsignedError) Unwrap() error { return e.error }

// errNoSecret is of an endpoint that should sign and cannot.
var errNoSecret = errors.New("it has no secret; make one with: orderbell endpoint rotate-secret")

// errUnverified is of an endpoint whose answers could not be believed.
var errUnverified = errors.New("its answers cannot be verified")

// of is the signer of an endpoint, by its own scheme or its policy's; nil where that is
// none. An error says why nothing may be sent: never is anything sent unsigned that should
// be signed, nor anything asked whose answer could not be believed.
func (s *signers) of(endpoint, own string, policy *outbox.Policy, secrets []outbox.Secret, answerKey string) (*signer, error) {
	scheme, err := schemeOf(own, policy)
	if err != nil {
		return nil, err
	}
	if !scheme.Signs() {
		return nil, nil //nolint:nilnil // nobody signs, and that is meant
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !scheme.Verifies() {
		answerKey = ""
	}
	known := s.known[endpoint]
	if known != nil && known.scheme == scheme && known.answerText == answerKey && slices.EqualFunc(known.secrets, secrets, sameSecret) {
		return known, nil
	}
	read, err := s.read(scheme, endpoint, secrets)
	if err != nil {
		return nil, err
	}
	if scheme.Verifies() {
		read.answerText = answerKey
		if read.answerKey, err = sign.ReadAnswerKey(answerKey); err != nil {
			return nil, fmt.Errorf("%w: its answer_key, the public key of the other side, %w", errUnverified, err)
		}
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

// sign signs what a claim sends to a URL, and says by whom. An [unsignedError] is for us to
// mend.
func (s *signers) sign(claim *outbox.Claim, to *url.URL, body string) (sign.Signed, *signer, error) {
	by, err := s.of(claim.Endpoint, claim.Signature, claim.Policy, claim.Secrets, claim.AnswerKey)
	if errors.Is(err, errUnverified) {
		return sign.Signed{}, nil, &unsignedError{err}
	}
	if err != nil {
		return sign.Signed{}, nil, cannotSign(err)
	}
	if by == nil {
		return sign.Signed{Body: body}, nil, nil
	}
	signed, err := by.scheme.Sign(by.keys, &sign.Message{
		ID: outbox.FormatID(claim.ID), Event: claim.Event, Created: outbox.IDTime(claim.ID), At: claim.At,
		Method: claim.Policy.Method, Format: claim.Policy.Format, Body: body, URL: to,
	})
	if err != nil && !errors.Is(err, sign.ErrBody) {
		err = cannotSign(err)
	}
	return signed, by, err
}

// verify notes what of a whole answer is proven to be the endpoint's, or why nothing is.
func (s *signer) verify(claim *outbox.Claim, a *answer) {
	if s.answerKey == nil || a.truncated {
		return // over the cap it never counts
	}
	proven, err := s.scheme.Verify(s.answerKey, &sign.Answer{Header: a.header.Get, Body: a.body, At: claim.At})
	if err != nil {
		a.unproven = err.Error()
		return
	}
	a.proven = proven
}

// CheckEndpoint reads how an endpoint's requests are signed under a policy, and how its
// answers are verified. An error says, in one line, why nothing can be sent, so that its
// rows are parked.
func (c *Courier) CheckEndpoint(e *outbox.Endpoint, p *outbox.Policy) error {
	_, err := c.signers.of(e.ID, e.Signature, p, e.Secrets, e.AnswerKey)
	return err
}
