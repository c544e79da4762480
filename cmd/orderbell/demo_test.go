package main_test

import (
	"strings"
	"syscall"
	"testing"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	got := run(t, nil, "demo", "--for", "20s", "--json")
	got.wants(t, 0, "{", "private PostgreSQL")
	kept := object(t, got)
	if sold, _ := kept["orders_committed"].(float64); sold == 0 {
		t.Error("no order was committed")
	}
	// Not duplicates: on a stalled machine a merchant's answer may be late.
	for _, broken := range []string{"lost", "sent_for_rolled_back"} {
		if n, ok := kept[broken].(float64); !ok || n != 0 {
			t.Errorf("%s: %v", broken, kept[broken])
		}
	}
}

// One scene by itself has its figures below scenes, and the whole says the same.
func TestDemoOfOneScene(t *testing.T) {
	t.Parallel()
	got := run(t, nil, "demo", "--scene", "close", "--for", "3s", "--json")
	got.wants(t, 0, "{", "private PostgreSQL")
	kept := object(t, got)
	scenes, _ := kept["scenes"].(map[string]any)
	scene, _ := scenes["close"].(map[string]any)
	if len(scenes) != 1 || scene["ok"] != true || scene["orders_committed"] != kept["orders_committed"] || scene["paid_and_closed"] != 0.0 {
		t.Errorf("the summary is:\n%s", got.stdout)
	}
	run(t, nil, "demo", "--scene", "opera").wants(t, 2, "", `unknown scene "opera"; the scenes are: notify, `)
}

// The first signal ends it early, in order: the summary comes all the same.
func TestDemoEndsEarly(t *testing.T) {
	t.Parallel()
	demo := start(t, nil, "demo", "--for", "1h", "--json")
	demo.says("runs until the demo ends")
	demo.signal(syscall.SIGINT)
	status := demo.wait()
	got := result{demo.stdout.String(), demo.stderr.String(), status}
	got.wants(t, 0, "{", "private PostgreSQL")
	for _, key := range []string{"orders_committed", "orders_rolled_back", "notifications_acknowledged", "attempts", "lost", "sent_for_rolled_back", "duplicates"} {
		if _, ok := object(t, got)[key]; !ok {
			t.Errorf("the summary has no %s:\n%s", key, got.stdout)
		}
	}
}

// The demo by itself never looks at the configured database; the scene does.
func TestDemoScene(t *testing.T) {
	t.Parallel()
	away := []string{"ORDERBELL_DATABASE_URL=postgres://u:secretword@" + closedPort(t) + "/x?sslmode=disable"}
	got := run(t, away, "demo", "--scene", "shop", "--for", "2s", "--json")
	got.wants(t, 1, "", "connection refused")
	got.oneLine(t)
	if strings.Contains(got.stderr, "secretword") {
		t.Errorf("the password is shown: %s", got.stderr)
	}
	run(t, away, "demo", "--for", "1s", "--json").wants(t, 0, "{", "private PostgreSQL")
}
