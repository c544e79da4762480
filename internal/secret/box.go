package secret

import (
	"encoding/binary"
	"fmt"
)

// domain keeps what is sealed here apart from anything else that may one day be sealed
// under the same key.
const domain = "orderbell secret 1"

// Seal encrypts a secret of an endpoint with the first key, and names that key. The
// version is the secret's own, from 1. The error is [ErrNoMasterKey].
func (k *Keyring) Seal(plain []byte, endpoint string, version int) (keyID string, sealed []byte, err error) {
	if k == nil || len(k.keys) == 0 {
		return "", nil, fmt.Errorf("seal version %d of endpoint %q's secret: %w", version, endpoint, ErrNoMasterKey)
	}
	first := k.keys[0]
	sealed = first.box.Seal(nil, nil, plain, bound(endpoint, version)) //nolint:gosec // this box makes its nonces itself
	return first.id, sealed, nil
}

// Open decrypts what Seal made for the same endpoint and version. Errors are, or wrap,
// [ErrNoMasterKey], an [UnknownKeyError] where the key with this id is not there, or
// [ErrDoesNotOpen].
func (k *Keyring) Open(keyID string, sealed []byte, endpoint string, version int) ([]byte, error) {
	if k == nil || len(k.keys) == 0 {
		return nil, fmt.Errorf("open version %d of endpoint %q's secret: %w", version, endpoint, ErrNoMasterKey)
	}
	for _, key := range k.keys {
		if key.id != keyID {
			continue
		}
		plain, err := key.box.Open(nil, nil, sealed, bound(endpoint, version))
		if err != nil { // Go's error says no more than that
			return nil, fmt.Errorf("open version %d of endpoint %q's secret with master key %s: %w", version, endpoint, keyID, ErrDoesNotOpen)
		}
		return plain, nil
	}
	return nil, &UnknownKeyError{Endpoint: endpoint, Version: version, KeyID: keyID, Have: k.IDs()}
}

// bound is the associated data that ties a secret to its row.
func bound(endpoint string, version int) []byte {
	data := make([]byte, 0, len(domain)+4+len(endpoint)+8)
	data = append(data, domain...)
	data = binary.BigEndian.AppendUint32(data, uint32(len(endpoint)))
	data = append(data, endpoint...)
	return binary.BigEndian.AppendUint64(data, uint64(version))
}
