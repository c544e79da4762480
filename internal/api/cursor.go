package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// A cursor is a version, the id after which the next page begins, and four bytes that tell
// a slip (a cursor that is cut, or that was made for another endpoint, and would skip what
// lies between) from a good one. They are no secret: a cursor opens nothing.
const (
	cursorVersion = 1
	cursorBytes   = 1 + 16 + 4
)

var errCursor = errors.New("after is no cursor that this endpoint was given")

func cursorOf(endpoint string, id outbox.ID) string {
	raw := append([]byte{cursorVersion}, id[:]...)
	return base64.RawURLEncoding.EncodeToString(append(raw, checkOf(endpoint, id)...))
}

func readCursor(endpoint, text string) (id outbox.ID, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != cursorBytes || raw[0] != cursorVersion || strings.ContainsAny(text, "\r\n") {
		return id, errCursor
	}
	copy(id[:], raw[1:])
	if string(raw[1+len(id):]) != string(checkOf(endpoint, id)) {
		return id, errCursor
	}
	return id, nil
}

func checkOf(endpoint string, id outbox.ID) []byte {
	sum := sha256.Sum256(append(id[:], endpoint...))
	return sum[:4]
}

// firstOf is the least id that is made at an instant.
func firstOf(at time.Time) (id outbox.ID) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, at.UnixMilli())))
	copy(id[:], ms[2:])
	return id
}

// parseID reads an id as PostgreSQL writes it.
func parseID(text string) (id outbox.ID, err error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != len(id) {
		return id, errors.New("read an id: it is none")
	}
	copy(id[:], raw)
	return id, nil
}

// inUTC has times written with a Z.
func inUTC(times ...*time.Time) {
	for _, at := range times {
		if at != nil {
			*at = at.UTC()
		}
	}
}
