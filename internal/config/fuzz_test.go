package config_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/config"
)

// check holds what Load promises of any input.
func check(t *testing.T, c *config.Config, err error) {
	t.Helper()
	if err == nil {
		if c.Worker.Concurrency < 1 || c.Worker.Concurrency > 10000 || c.Worker.Name == "" || c.Worker.ShutdownTimeout < 0 {
			t.Errorf("accepted %+v", c)
		}
		return
	}
	var all *config.Error
	if c != nil || !errors.As(err, &all) || len(all.Problems) == 0 {
		t.Fatalf("got %v and %v", c, err)
	}
	for _, p := range all.Problems {
		if p.Text == "" || p.Line < 0 || p.Column < 0 {
			t.Errorf("a problem says nothing: %#v", p)
		}
	}
}

func FuzzLoadFile(f *testing.F) {
	example, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		everything, string(example), "a: &x [*x]\n", "worker: {<<: {name: a}}\n", "? [a]\n: b\n", "%YAML 1.2\n---\nlog: |\n  x\n",
		"- - - a\n", "log: !!binary x\n", "log:\n  level: >-\n    info\n", "---\n---\n", "\"\\u0000\": '\n", "{a, b: }", "&a a: *a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		start := time.Now()
		c, _, err := config.Load(write(t, content), nil)
		check(t, c, err)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func FuzzLoadEnvironment(f *testing.F) {
	f.Add("NETWORK_ALLOW", "10.0.0.0/8,::1")
	f.Add("DATABASE_URL", "postgres://u:p@h/db")
	f.Add("WORKER_SHUTDOWN_TIMEOUT", "1h")
	f.Add("WORKER_NAM", "\xff")
	f.Fuzz(func(t *testing.T, name, value string) {
		c, _, err := config.Load("", []string{"ORDERBELL_" + name + "=" + value})
		check(t, c, err)
		if err != nil && strings.Contains(name, "DATABASE") && len(value) > 20 && strings.Contains(err.Error(), value) {
			t.Errorf("the message holds the value: %v", err)
		}
	})
}
