package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/config"
)

func TestTheEnvironmentSetsEveryKey(t *testing.T) {
	t.Parallel()
	environ := []string{
		"PATH=/bin", "ORDERBELL_PG_BIN=/usr/lib", "ORDERBELL_CHAOS=1",
		"ORDERBELL_DATABASE_URL=postgres://u@db/shop", "ORDERBELL_DATABASE_LISTEN_URL=host=direct dbname=shop",
		"ORDERBELL_WORKER_NAME=收银 1", "ORDERBELL_WORKER_CONCURRENCY= 10000\n", "ORDERBELL_WORKER_SHUTDOWN_TIMEOUT=90s",
		"ORDERBELL_NETWORK_ALLOW=10.0.0.0/8, 192.168.1.7,fd00::1", "ORDERBELL_NETWORK_PORTS=80,9443", "ORDERBELL_NETWORK_HTTP=TRUE",
		"ORDERBELL_LOG_LEVEL=debug", "ORDERBELL_LOG_FORMAT=json",
	}
	if diff := cmp.Diff(everythingParsed(), load(t, "", environ...), comparePrefixes); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	t.Parallel()
	want := everythingParsed()
	want.Worker.Concurrency = 3
	want.Network.Ports = []uint16{8080}
	want.Network.HTTP = false
	got := load(t, everything, "ORDERBELL_WORKER_CONCURRENCY=3", "ORDERBELL_NETWORK_PORTS=8080",
		"ORDERBELL_NETWORK_HTTP=false", "ORDERBELL_LOG_LEVEL=", "ORDERBELL_SCANS= ")
	if diff := cmp.Diff(want, got, comparePrefixes); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestBadVariablesAreNamed(t *testing.T) {
	t.Parallel()
	got := lines(t, "", "ORDERBELL_NETWORK_PORTS=80,,x", "ORDERBELL_NETWORK_HTTP=1", "ORDERBELL_WORKER_NAME=\xff",
		"ORDERBELL_SCANS=[]", "ORDERBELL_WORKER_CONCURRENCY=99999999999999999999", "ORDERBELL_SECRETS_MASTER_KEY=hush")
	want := []string{
		`ORDERBELL_NETWORK_HTTP: "1" is not known; allowed: true, false`,
		`ORDERBELL_NETWORK_PORTS: "" is no whole number; allowed: 1 to 65535`,
		`ORDERBELL_NETWORK_PORTS: "x" is no whole number; allowed: 1 to 65535`,
		`ORDERBELL_SCANS: a list of entries can be set in the file alone; leave ORDERBELL_SCANS out`,
		`ORDERBELL_SECRETS_MASTER_KEY: the value (not shown) is no list of master keys: master key 1 of 1 has 3 bytes; it must be 32`,
		`ORDERBELL_WORKER_CONCURRENCY: "99999999999999999999" is out of range; allowed: 1 to 10000`,
		`ORDERBELL_WORKER_NAME: "\xff" is no worker name; allowed: 1 to 63 printable characters`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestUnknownVariablesAreWarnedOf(t *testing.T) {
	t.Parallel()
	environ := []string{"ORDERBELL_WORKER_CONCURENCY=3", "ORDERBELL_COLOUR=blue", "ORDERBELL_", "OTHER=1"}
	_, warnings, err := config.Load("", environ)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Problem{
		{Source: "ORDERBELL_", Text: "is not known and sets nothing"},
		{Source: "ORDERBELL_COLOUR", Text: "is not known and sets nothing"},
		{Source: "ORDERBELL_WORKER_CONCURENCY", Text: "is not known and sets nothing; did you mean ORDERBELL_WORKER_CONCURRENCY?"},
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	// They are told of beside an error, too.
	if _, warnings, err = config.Load("", append(environ, "ORDERBELL_LOG_LEVEL=loud")); err == nil || len(warnings) != 3 {
		t.Errorf("beside an error: %v, warnings %v", err, warnings)
	}
}
