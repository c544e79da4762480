package postgres_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

func version(n int) outbox.Secret {
	return outbox.Secret{Version: n, KeyID: "0123abcd", Sealed: bytes.Repeat([]byte{byte(n)}, 40)}
}

// valid are the versions that the worker gets for m-1.
func (h *house) valid() (versions []int) {
	h.t.Helper()
	found, err := h.db.Endpoints(h.t.Context(), []string{"m-1"})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range found[0].Secrets {
		versions = append(versions, s.Version)
		if want := version(s.Version); s.KeyID != want.KeyID || !bytes.Equal(s.Sealed, want.Sealed) {
			h.t.Errorf("version %d is %+v", s.Version, s)
		}
	}
	return versions
}

// A new version comes first, the former ones go on for the overlap, and are destroyed then.
func TestSecretsRetire(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	add := func(n int, overlap time.Duration) error {
		return h.db.AddSecret(t.Context(), "m-1", version(n), overlap)
	}
	if err := add(1, 0); err != nil {
		t.Fatal(err)
	}
	if err := add(2, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := h.valid(); len(got) != 2 || got[0] != 2 {
		t.Errorf("valid are %v", got)
	}
	for _, n := range []int{2, 4, 0} {
		if err := add(n, 0); err == nil || !strings.Contains(err.Error(), "has version 2 by now") {
			t.Errorf("version %d was taken: %v", n, err)
		}
	}
	h.exec("update orderbell.secret set retires_at = now() where version = 1")
	if got := h.valid(); len(got) != 1 {
		t.Errorf("one that has retired is valid: %v", got)
	}
	if n, err := h.db.DestroySecrets(t.Context()); err != nil || n != 1 {
		t.Errorf("%d were destroyed, %v", n, err)
	}
	if err := add(3, 0); err != nil {
		t.Fatal(err)
	}
	rows, err := h.db.Secrets(t.Context(), "m-1")
	if err != nil || len(rows) != 1 || rows[0].Version != 3 || rows[0].RetiresAt != nil {
		t.Errorf("left are %+v, %v", rows, err)
	}
	if err := h.db.AddSecret(t.Context(), "nobody", version(1), 0); err == nil || !strings.Contains(err.Error(), `unknown endpoint "nobody"`) {
		t.Errorf("of an unknown endpoint: %v", err)
	}
	h.exec("delete from orderbell.endpoint where id = 'm-1'")
	if rows, err := h.db.Secrets(t.Context(), ""); err != nil || len(rows) != 0 {
		t.Errorf("of a deleted endpoint are left: %v, %v", rows, err)
	}
}

// A secret is sealed anew only if it is still sealed as it was read.
func TestSecretsAreResealed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.db.AddSecret(t.Context(), "m-1", version(1), 0); err != nil {
		t.Fatal(err)
	}
	anew := version(1)
	anew.KeyID = "ffff0000"
	for was, want := range map[string]bool{"0000ffff": false, "0123abcd": true} {
		if done, err := h.db.ResealSecret(t.Context(), "m-1", was, anew); err != nil || done != want {
			t.Errorf("resealed from %s: %t, %v", was, done, err)
		}
	}
}

// What parks an endpoint is written, found and taken back; a change of the endpoint takes
// it back too, so that workers look again.
func TestEndpointFaults(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	set := func(fault string) {
		t.Helper()
		if err := h.db.SetEndpointFault(t.Context(), "m-1", fault); err != nil {
			t.Fatal(err)
		}
	}
	faulty := func() int {
		t.Helper()
		ids, err := h.db.FaultyEndpoints(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return len(ids)
	}
	set("it has no secret\x00")
	if faulty() != 1 {
		t.Error("it is not found")
	}
	h.enqueue("A1")
	if look, err := h.db.FullLook(t.Context()); err != nil || len(look.Endpoints) != 0 {
		t.Errorf("a look names %v, %v", look.Endpoints, err)
	}
	set("")
	if faulty() != 0 {
		t.Error("it is not taken back")
	}
	set("it has no secret")
	h.exec("update orderbell.endpoint set signature = 'none' where id = 'm-1'")
	if faulty() != 0 {
		t.Error("a change does not take it back")
	}
	set("it has no secret")
	h.exec("select orderbell.add_secret('m-1', 1, '0123abcd', repeat('x', 40)::bytea, '0')")
	if faulty() != 0 {
		t.Error("a new secret does not take it back")
	}
}
