package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/config"
)

const password = "s3cr3t"

func TestNoMessageHoldsAPassword(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"bad escape":          "database: {url: \"postgres://u:s3cr3t%zz@h/db\"}\n",
		"bad port":            "database:\n  url: postgres://u:s3cr3t@h:port/db\n",
		"wrong scheme":        "database:\n  listen_url: mysql://u:s3cr3t@h/db\n",
		"no keyword":          "database:\n  url: s3cr3t\n",
		"no space":            "database:\n  url:postgres://u:s3cr3t@h/db\n",
		"no section":          "database: postgres://u:s3cr3t@h/db\n",
		"a list":              "database:\n  url: [postgres://u:s3cr3t@h/db]\n",
		"wrong key":           "log:\n  level: postgres://u:s3cr3t@h/db\n",
		"wrong keyword":       "log:\n  level: host=h password=s3cr3t\n",
		"as a key":            "\"postgres://u:s3cr3t@h/db\": 1\n",
		"as a key in braces":  "database: {\"postgres://u:s3cr3t@h/db\"}\n",
		"in a list":           "network:\n  allow: [postgres://u:s3cr3t@h/db]\n",
		"open quote":          "database:\n  url: \"postgres://u:s3cr3t@h/db\n",
		"broken line after":   "database:\n  url: postgres://u:s3cr3t@h/db\n bad: x\n",
		"broken line before":  "database:\n   a: b\n  url: postgres://u:s3cr3t@h/db\n",
		"unescaped colon":     "database:\n  url: postgres: //u:s3cr3t@h/db\n",
		"tag":                 "database:\n  url: !!int s3cr3t\n",
		"directive":           "%YAML s3cr3t\n---\nlog:\n",
		"block header":        "database:\n  url: |s3cr3t\n    x\n",
		"master key":          "secrets:\n  master_key: s3cr3t\n",
		"proxy":               "network:\n  proxy: http://u:s3cr3t@proxy\n",
		"two documents":       "database:\n  url: x\n--- s3cr3t\n",
		"escape that is none": "database:\n  url: \"postgres://u:s3cr3t\\q@h/db\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(lines(t, content), "\n")
			if got == "" || strings.Contains(got, password) {
				t.Errorf("got %q", got)
			}
		})
	}
	for _, name := range []string{"DATABASE_URL", "DATABASE_LISTEN_URL", "SECRETS_MASTER_KEY", "NETWORK_PROXY", "LOG_LEVEL", "NETWORK_PORTS"} {
		got := strings.Join(lines(t, "", "ORDERBELL_"+name+"=mysql://u:s3cr3t@h/db"), "\n")
		if got == "" || strings.Contains(got, password) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestAConfigurationCanBeLogged(t *testing.T) {
	t.Parallel()
	c := load(t, "database: {url: postgres://u:s3cr3t@h/db}\n")
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c, "database", c.Database)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "database", c.Database)
	fmt.Fprintf(&out, "%v %+v %s %v", c, c, c.Database, &c.Database)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), password) || !strings.Contains(out.String(), "set (not shown)") {
		t.Errorf("got %s", out.String())
	}
	if got := (config.Database{}).String(); got != "not set" {
		t.Errorf("got %s", got)
	}
}
