package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
	"github.com/orderbell/orderbell/internal/secret"
)

// masterKey is one of as many as there are numbers.
func masterKey(t *testing.T, numbers ...byte) *secret.Keyring {
	t.Helper()
	var texts []string
	for _, n := range numbers {
		key := bytes.Repeat([]byte{n, n + 1}, 16)
		texts = append(texts, base64.StdEncoding.EncodeToString(key))
	}
	ring, err := secret.ParseKeys(strings.Join(texts, ","))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// rotate gives m-1 a new secret, and returns what its merchant gets.
func (s *shop) rotate(c *config.Config, overlap time.Duration) string {
	s.t.Helper()
	r, err := app.RotateSecret(s.t.Context(), c, s.postgres(c), "m-1", app.NewSecret{Overlap: overlap})
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Give
}

func (s *shop) postgres(c *config.Config) *postgres.DB {
	s.t.Helper()
	db, err := postgres.Open(s.t.Context(), c.Database.URL, "cli")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(db.Close)
	return db
}

// verifier is a merchant that acknowledges what the library of Standard Webhooks verifies
// with one of the secrets that it was given.
type verifier struct {
	mu       sync.Mutex
	secrets  []string
	verified int
	refused  []string
}

func (v *verifier) give(secret string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secrets = append(v.secrets, secret)
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	v.mu.Lock()
	defer v.mu.Unlock()
	var last error
	for _, given := range v.secrets[max(0, len(v.secrets)-3):] {
		hook, err := webhooks.NewWebhook(given)
		if err == nil {
			err = hook.Verify(body, r.Header)
		}
		if err == nil {
			v.verified++
			fmt.Fprint(w, "success")
			return
		}
		last = err
	}
	v.refused = append(v.refused, fmt.Sprint(last, r.Header))
	http.Error(w, "who are you", http.StatusForbidden)
}

// signingShop has one endpoint, m-1, which signs, and its merchant, who verifies.
func signingShop(t *testing.T) (*shop, *verifier) {
	t.Helper()
	shop, merchant := newShop(t), &verifier{}
	server := httptest.NewServer(merchant)
	t.Cleanup(server.Close)
	shop.endpoint("m-1", server.URL, "standard")
	shop.exec("update orderbell.endpoint set signature = 'standard-webhooks'")
	return shop, merchant
}

// An endpoint that should sign and has no secret is parked: nothing is sent unsigned. With
// a secret it goes on, and the merchant's own library verifies what it gets.
func TestSignedRequests(t *testing.T) {
	t.Parallel()
	shop, merchant := signingShop(t)
	c := shop.config("w1")
	c.Secrets.Keyring = masterKey(t, 1)
	shop.work(c)
	id := shop.enqueue("m-1", "o-1", `{"trade_status":"TRADE_SUCCESS"}`)
	pgtest.Eventually(t, 20*time.Second, "it is parked", func() error {
		var explanation string
		shop.get("select explanation from orderbell.notification_status where id = $1", []any{id}, &explanation)
		if !strings.Contains(explanation, "parked because endpoint m-1: it has no secret") {
			return fmt.Errorf("it is not: %s", explanation)
		}
		return nil
	})
	merchant.give(shop.rotate(c, 0))
	if state, why := shop.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, why)
	}
	if len(merchant.refused) > 0 || shop.count("select count(*) from orderbell.attempt") != 1 {
		t.Errorf("refused: %v", merchant.refused)
	}
}

// A row that names a policy that signs, at an endpoint without a secret, is parked alone: no
// attempt begins, and it goes on once there is a secret.
func TestARowsOwnPolicySigns(t *testing.T) {
	t.Parallel()
	shop, merchant := signingShop(t)
	shop.exec("update orderbell.endpoint set signature = null")
	shop.exec("insert into orderbell.policy (name, ladder, acknowledge, signature) values ('signed', '{1s,1s,1s,1s,1s}', 'status == 200', 'standard-webhooks')")
	c := shop.config("w1")
	c.Secrets.Keyring = masterKey(t, 1)
	shop.work(c)
	var signed string
	shop.get("select orderbell.enqueue('m-1', 'e', 'o-1', '{}', policy => 'signed')", nil, &signed)
	plain := shop.enqueue("m-1", "o-2", "{}")
	shop.settled(plain, 1) // refused by the merchant, who wants a signature
	var explanation string
	shop.get("select explanation from orderbell.notification_status where id = $1", []any{signed}, &explanation)
	if n := shop.count("select attempt_count from orderbell.delivery where notification_id = $1", signed); n != 0 || !strings.Contains(explanation, "parked because endpoint m-1 has no secret") {
		t.Errorf("after %d attempts: %s", n, explanation)
	}
	if n := shop.count("select parked::int from orderbell.backlog"); n != 1 {
		t.Errorf("the backlog counts %d parked rows", n)
	}
	shop.exec("update orderbell.endpoint set policy = 'signed'")
	merchant.give(shop.rotate(c, 0))
	if state, why := shop.ended(signed); state != "acknowledged" {
		t.Errorf("with a secret it is %s: %s", state, why)
	}
}

// While its secret is changed once a second, under load, the merchant refuses nothing.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	shop, merchant := signingShop(t)
	c := shop.config("w1")
	c.Secrets.Keyring = masterKey(t, 1)
	merchant.give(shop.rotate(c, 0))
	shop.work(c)
	const rotations, rows = 5, 200
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range rotations {
		shop.fill("m-1", rows)
		shop.exec("select orderbell.ring()")
		merchant.give(shop.rotate(c, 2*time.Second))
		<-tick.C
	}
	shop.acknowledged("m-1", rotations*rows)
	if len(merchant.refused) > 0 || merchant.verified != rotations*rows {
		t.Errorf("verified %d, refused %v", merchant.verified, merchant.refused)
	}
	if n := shop.count("select count(*) from orderbell.secret"); n > 4 {
		t.Errorf("%d secrets are left", n)
	}
}

// A worker without the master key sends nothing, and says what is missing; one that has it
// does. After a change of the master key the old one is needed no more.
func TestMasterKeys(t *testing.T) {
	t.Parallel()
	shop, merchant := signingShop(t)
	old := shop.config("old")
	old.Secrets.Keyring = masterKey(t, 1)
	merchant.give(shop.rotate(old, 0))
	id := shop.enqueue("m-1", "o-1", "{}")
	without := shop.config("without")
	shop.work(without)
	pgtest.Eventually(t, 20*time.Second, "it is parked", func() error {
		var fault string
		shop.get("select coalesce(fault, '') from orderbell.endpoint", nil, &fault)
		if !strings.Contains(fault, "secrets.master_key") {
			return fmt.Errorf("the fault is %q", fault)
		}
		return nil
	})
	both := shop.config("both")
	both.Secrets.Keyring = masterKey(t, 2, 1)
	resealed, all, err := app.ResealSecrets(t.Context(), both, shop.postgres(both))
	if err != nil || resealed != 1 || all != 1 {
		t.Fatalf("resealed %d of %d, %v", resealed, all, err)
	}
	latest := shop.config("latest")
	latest.Secrets.Keyring = masterKey(t, 2)
	shop.work(latest)
	if state, why := shop.ended(id); state != "acknowledged" {
		t.Errorf("it is %s: %s", state, why)
	}
	if worker := shop.count("select count(*) from orderbell.attempt where worker = 'latest'"); worker != 1 || len(merchant.refused) > 0 {
		t.Errorf("%d attempts, refused %v", worker, merchant.refused)
	}
	// Somebody moves a secret to another endpoint: it does not open there.
	shop.exec("insert into orderbell.endpoint (id, url, signature) select 'thief', url, signature from orderbell.endpoint")
	shop.exec("insert into orderbell.secret select 'thief', version, key_id, sealed from orderbell.secret")
	stolen := shop.enqueue("thief", "o-2", "{}")
	pgtest.Eventually(t, 20*time.Second, "the thief is parked", func() error {
		var explanation string
		shop.get("select explanation from orderbell.notification_status where id = $1", []any{stolen}, &explanation)
		if !strings.Contains(explanation, "parked because endpoint thief") {
			return fmt.Errorf("it is not: %s", explanation)
		}
		return nil
	})
}

// A secret that is planted is nowhere to be found but sealed: not in the database, not in
// what it shows of sessions, not in the log, whatever goes wrong.
func TestSecretsDoNotLeak(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	const canary = "canary-canary-canary-canary"
	text := "whsec_" + base64.StdEncoding.EncodeToString([]byte(canary))
	master := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7, 8}, 16))
	server := httptest.NewServer(&verifier{}) // refuses everything
	t.Cleanup(server.Close)
	for _, endpoint := range []string{"refused", "broken", "away"} {
		shop.endpoint(endpoint, server.URL, "quick")
	}
	shop.exec("update orderbell.endpoint set signature = 'standard-webhooks'")
	shop.exec("update orderbell.endpoint set url = 'http://127.0.0.1:1/' where id = 'away'")
	c := shop.config("w1")
	c.Secrets.Keyring = masterKey(t, 7)
	for _, endpoint := range []string{"refused", "broken", "away"} {
		if _, err := app.RotateSecret(t.Context(), c, shop.postgres(c), endpoint, app.NewSecret{Imported: []byte(text)}); err != nil {
			t.Fatal(err)
		}
		shop.enqueue(endpoint, endpoint, "{}")
	}
	shop.exec("update orderbell.secret set sealed = sealed || 'x' where endpoint = 'broken'")
	var log lines
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- app.Work(ctx, nil, c, "test", slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}()
	seen := func(where, what string) {
		t.Helper()
		for _, leak := range []string{canary, text, text[6:], master} {
			if strings.Contains(what, leak) {
				t.Errorf("%s shows %q", where, leak)
			}
		}
	}
	pgtest.Eventually(t, 20*time.Second, "all of them went wrong", func() error {
		var sessions string
		shop.get("select string_agg(query, E'\\n') from pg_stat_activity", nil, &sessions)
		seen("pg_stat_activity", sessions)
		if n := shop.count("select (select count(*) from orderbell.attempt) + (select count(*) from orderbell.endpoint where fault is not null)"); n < 3 {
			return fmt.Errorf("%d did", n)
		}
		return nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	seen("the log", strings.Join(log.all(), "\n"))
	for _, table := range []string{"attempt", "finished", "delivery", "endpoint", "notification", "secret", "policy", "probe"} {
		var rows *string
		shop.get("select string_agg(t::text, E'\\n') from orderbell."+table+" t", nil, &rows)
		if rows != nil {
			seen(table, *rows)
		}
	}
	seen("the configuration", fmt.Sprintf("%v %+v %#v", c, c, c.Secrets.Keyring))
}
