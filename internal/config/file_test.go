package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/config"
)

func TestLoadNamesEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	got := lines(t, `database:
  url: mysql://db/shop?x=y
workr:
  concurrency: 3
worker:
  name: "tab\there"
  concurrency: many
  concurrency: 0
  shutdown_timeout: 30
  colour: blue
network:
  allow: [10.1.2.3/8, nowhere,
    "::ffff:10.0.0.1"]
  ports:
    - 70000
    -
    - [1]
  http: yes
log: info
console:
  listen: :8400
scans:
  - name: unpaid
log:
  level: loud
  format: [json]
`, "ORDERBELL_WORKER_CONCURRENCY=lots", "ORDERBELL_API_LISTEN=8401")
	want := []string{
		`config.yaml:2:3: database.url: the value (not shown) is no PostgreSQL address; allowed: host=... dbname=..., or postgres://user@host:5432/name`,
		`config.yaml:3:1: workr: is no key of the configuration; did you mean worker?`,
		`config.yaml:6:3: worker.name: "tab\there" holds a character that does not print; allowed: 1 to 63 printable characters`,
		`config.yaml:7:3: worker.concurrency: "many" is no whole number; allowed: 1 to 10000`,
		`config.yaml:8:3: worker.concurrency: is set twice; the first time on line 7`,
		`config.yaml:8:3: worker.concurrency: "0" is out of range; allowed: 1 to 10000`,
		`config.yaml:9:3: worker.shutdown_timeout: "30" is no duration; allowed: 0s to 10m, with a unit, such as 30s`,
		`config.yaml:10:3: worker.colour: is no key of the configuration`,
		`config.yaml:12:11: network.allow: "10.1.2.3/8" has address bits beyond its length; write 10.0.0.0/8`,
		`config.yaml:12:23: network.allow: "nowhere" is no address range; allowed: a CIDR such as 10.20.0.0/16 or fd00::/8, or one address`,
		`config.yaml:13:5: network.allow: "::ffff:10.0.0.1" is an IPv4 range in IPv6 clothes; write it as IPv4`,
		`config.yaml:15:7: network.ports: "70000" is out of range; allowed: 1 to 65535`,
		`config.yaml:16:6: network.ports: an entry is empty; allowed: one value`,
		`config.yaml:17:7: network.ports: an entry is a list; allowed: one value`,
		`config.yaml:18:3: network.http: "yes" is not known; allowed: true, false`,
		`config.yaml:19:1: log: is a single value; allowed: keys with values, indented below it`,
		`config.yaml:21:3: console.listen: this release has no console yet; leave console.listen out`,
		`config.yaml:23:5: scans: an entry has no schedule`,
		`config.yaml:23:5: scans: an entry has neither query nor function; set one of them`,
		`config.yaml:24:1: log: is set twice; the first time on line 19`,
		`config.yaml:25:3: log.level: "loud" is not known; allowed: debug, info, warn, error`,
		`config.yaml:26:3: log.format: is a list; allowed: one value`,
		`ORDERBELL_API_LISTEN: "8401" is no address to listen at; allowed: a host and a port, such as 127.0.0.1:8401 or :8401`,
		`ORDERBELL_WORKER_CONCURRENCY: "lots" is no whole number; allowed: 1 to 10000`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLoadProblemsOfOneFile(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70)
	for _, tc := range []struct{ name, content, want string }{
		{"blank", " \n\n", "config.yaml: is empty; for the environment and the defaults alone, name no file"},
		{"binary", "\x7fELF\x00\x01", "config.yaml: is not UTF-8 text"},
		{"UTF-16", "\xff\xfea\x00", "config.yaml: is not UTF-8 text"},
		{"too large", "# " + strings.Repeat("x", 64<<10), "config.yaml: is larger than 64 KB"},
		{"prose", "\nhello there\n", `config.yaml:2:1: the file holds no keys with values, such as "log: {level: info}"`},
		{"a list", "- a\n", `config.yaml:1:1: the file holds no keys with values, such as "log: {level: info}"`},
		{"not YAML", "log:\n  level: 'info\n", "config.yaml:2:10: is not YAML: could not find end character of single-quoted text"},
		{"tab", "log:\n\tlevel: info\n", "config.yaml:2:1: is not YAML: found character '\\t' that cannot start any token"},
		{"two documents", "log:\n---\nlog:\n", "config.yaml:2:1: a second YAML document begins here; a configuration is one document"},
		{"alias", "x: &x 1\nworker: {concurrency: *x}\n", "config.yaml:1:1: x: is no key of the configuration\n" +
			"config.yaml:2:10: worker.concurrency: is an anchor, an alias or a tag, which are not read here; allowed: one value"},
		{"merge", "worker:\n  <<: {name: a}\n", "config.yaml:2:3: worker: this key is no plain word; keys have letters and _ alone, and words of a path stand below one another"},
		{"tagged", "worker: !!map {}\n", "config.yaml:1:1: worker: is an anchor, an alias or a tag, which are not read here; allowed: keys with values, indented below it"},
		{"dotted", "worker.name: a\n", "config.yaml:1:1: this key is no plain word; keys have letters and _ alone, and words of a path stand below one another"},
		{"one for a list", "network: {allow: 10.0.0.0/8}\n", "config.yaml:1:11: network.allow: is a single value; allowed: a list, such as [a, b]"},
		{"section for one", "log: {level: {a: b}}\n", "config.yaml:1:7: log.level: is a section with keys; allowed: one value"},
		{"long", "log:\n  level: " + long + "\n", `config.yaml:2:3: log.level: "` + long[:64] + `…" is not known; allowed: debug, info, warn, error`},
		{"another section", "worker:\n  listen_url: a\n", "config.yaml:2:3: worker.listen_url: is no key of the configuration; did you mean database.listen_url?"},
		{"slip", "network:\n  prots: [1]\n", "config.yaml:2:3: network.prots: is no key of the configuration; did you mean network.ports?"},
		{"far", "x: 1\n", "config.yaml:1:1: x: is no key of the configuration"},
		{"half a pair", "database: {listen_url: postgres://db/shop}\n", "database.listen_url: is set, but database.url is not; set both, or database.url alone"},
		{"too long a wait", "worker: {shutdown_timeout: 601s}\n", `config.yaml:1:10: worker.shutdown_timeout: "601s" is out of range; allowed: 0s to 10m, with a unit, such as 30s`},
		{"a zone", "network: {allow: [\"fe80::1%eth0\"]}\n", `config.yaml:1:19: network.allow: "fe80::1%eth0" is no address range; allowed: a CIDR such as 10.20.0.0/16 or fd00::/8, or one address`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(strings.Split(tc.want, "\n"), lines(t, tc.content)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadOfAPathThatIsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.yaml")
	for path, want := range map[string]string{
		dir:         dir + ": cannot be read: is a directory",
		missing:     missing + ": cannot be read: no such file or directory",
		os.DevNull:  os.DevNull + ": is empty; for the environment and the defaults alone, name no file",
		"/dev/zero": "/dev/zero: is larger than 64 KB",
	} {
		if _, _, err := config.Load(path, nil); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// Each of these made the parser slow or hungry, or would with aliases expanded.
func TestHostileFilesAreRefusedInTime(t *testing.T) {
	t.Parallel()
	const size = 60 << 10
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 8) + "*" + string(c-1) + "]\n"
	}
	for name, content := range map[string]string{
		"aliases": bomb, "brackets": strings.Repeat("[", size), "braces": strings.Repeat("{a: ", size/4),
		"dashes": strings.Repeat("- ", size/2), "questions": strings.Repeat("? ", size/2),
		"pairs": "a: " + strings.Repeat("[", size/2) + strings.Repeat("]", size/2),
		"keys":  strings.Repeat("a: 1\n", size/5), "anchors": strings.Repeat("&a ", size/3),
		"tags": strings.Repeat("!a ", size/3), "colons": strings.Repeat("a: ", size/3),
		"documents": strings.Repeat("a:\n---\n", size/7), "stairs": stairs(size),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if got := lines(t, content); len(got) == 0 {
				t.Error("accepted")
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func stairs(size int) string {
	var b strings.Builder
	for depth := 0; b.Len() < size; depth++ {
		b.WriteString(strings.Repeat(" ", depth) + "a:\n")
	}
	return b.String()
}
