package config_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/config"
)

// pemFiles makes a folder with two certificates and their keys: a.pem and a.key,
// b.pem and b.key; and with files that are none.
func pemFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{"empty": {}, "prose": []byte("hello\n"), "large": bytes.Repeat([]byte("x"), 1<<20+1)}
	for _, name := range []string{"a", "b"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		files[name+".pem"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
		files[name+".key"] = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	}
	files["half.pem"] = append(bytes.Clone(files["a.pem"]), files["b.pem"][:100]...)
	files["garbage.pem"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEndpointsWithTheirOwnCertificates(t *testing.T) {
	t.Parallel()
	dir := pemFiles(t)
	got := load(t, fmt.Sprintf(`
tls:
  - endpoint: m-1001
    ca_file: %[1]s/a.pem
  - {endpoint: "1002", cert_file: %[1]s/a.pem, key_file: %[1]s/a.key}
  - endpoint: m-1003
    ca_file: %[1]s/b.pem
    cert_file: %[1]s/b.pem
    key_file: %[1]s/b.key
`, dir)).TLS
	want := []config.TLS{
		{Endpoint: "m-1001", CAFile: dir + "/a.pem"},
		{Endpoint: "1002", CertFile: dir + "/a.pem", KeyFile: dir + "/a.key"},
		{Endpoint: "m-1003", CAFile: dir + "/b.pem", CertFile: dir + "/b.pem", KeyFile: dir + "/b.key"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestMistakesInCertificatesAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	dir := pemFiles(t)
	content := strings.ReplaceAll(`tls:
  - endpoint: m-1
    ca_file: DIR/missing.pem
  - endpoint: m-1
    ca_file: DIR/a.pem
  - ca_file: DIR/prose
  - m-2
  - endpoint: m-3
  - endpoint: m-4
    cert_file: DIR/a.pem
  - endpoint: m-5
    key_file: DIR/a.key
  - endpoint: m-6
    cert_file: DIR/a.pem
    key_file: DIR/b.key
  - endpoint: m-7
    cert_file: DIR/prose
    key_file: DIR/a.key
  - endpoint: m-8
    cert_file: DIR/a.pem
    key_file: DIR/a.pem
  - endpoint: m-9
    ca_file: DIR/half.pem
    colour: blue
  - endpoint: m-10
    ca_file: DIR/garbage.pem
    ca_file: DIR/a.pem
  - endpoint: [m-11]
    ca_file: DIR/empty
  - endpoint: m-12
    ca_file: DIR/pipe
  - endpoint: m-13
    ca_file: DIR
    cert_file: DIR/large
    key_file: DIR/large
`, "DIR", dir)
	want := []string{
		"3:5: tls.ca_file: the file cannot be read: no such file or directory",
		"4:5: tls.endpoint: has an entry already, on line 2",
		"6:5: tls: an entry names no endpoint",
		"6:5: tls.ca_file: the file holds no whole PEM certificates",
		"7:5: tls: an entry is a single value; allowed: keys with values, such as \"- endpoint: m-1001\"",
		"8:5: tls: an entry has no file; allowed: ca_file, or cert_file with key_file, or all three",
		"10:5: tls.cert_file: is set, but key_file is not; set both or neither",
		"12:5: tls.key_file: is set, but cert_file is not; set both or neither",
		"15:5: tls.key_file: the key does not fit the certificate of cert_file, or is encrypted or of an unknown kind",
		"17:5: tls.cert_file: the file holds no whole PEM certificates",
		"21:5: tls.key_file: the file holds no PEM private key",
		"23:5: tls.ca_file: the file holds no whole PEM certificates",
		"24:5: tls: this key is not known; allowed: endpoint, ca_file, cert_file, key_file",
		"27:5: tls.ca_file: is set twice in one entry",
		"28:5: tls.endpoint: is a list; allowed: one value",
		"29:5: tls.ca_file: the file is empty",
		"31:5: tls.ca_file: the file is no regular file",
		"33:5: tls.ca_file: the file is no regular file",
		"34:5: tls.cert_file: the file is larger than 1 MB",
		"35:5: tls.key_file: the file is larger than 1 MB",
	}
	var got []string
	for _, line := range lines(t, content, "ORDERBELL_TLS=m-1") {
		got = append(got, strings.TrimPrefix(line, "config.yaml:"))
	}
	want = append(want, "ORDERBELL_TLS: a list of entries can be set in the file alone; leave ORDERBELL_TLS out")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for _, value := range []string{"m-1", "{endpoint: m-1}"} {
		if got := lines(t, "tls: "+value+"\n"); len(got) != 1 || !strings.Contains(got[0], "allowed: a list of entries, each behind a dash") {
			t.Errorf("%s: %q", value, got)
		}
	}
}

func TestProxies(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"http://proxy.internal:3128", "http://10.0.0.1:80/", "http://u:s3cr3t@[::1]:8080", "http://u@proxy:1"} {
		c := load(t, "network: {proxy: \""+good+"\"}\n")
		if string(c.Network.Proxy) != good || load(t, "", "ORDERBELL_NETWORK_PROXY="+good).Network.Proxy != c.Network.Proxy {
			t.Errorf("%s: got %q", good, string(c.Network.Proxy))
		}
		var out bytes.Buffer
		fmt.Fprintf(&out, "%v %+v %s %#v %q", c, c, c.Network.Proxy, c.Network.Proxy, c.Network.Proxy)
		if err := json.NewEncoder(&out).Encode(c); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), password) || !strings.Contains(out.String(), "set (not shown)") {
			t.Errorf("%s is shown: %s", good, &out)
		}
	}
	const none = "is no proxy; allowed: http://host:port or http://user:password@host:port, with special characters of the password as %40 for @, %2F for /, %23 for #"
	for bad, want := range map[string]string{
		"http://u:s3cr3t@proxy":       none, // no port
		"https://u:s3cr3t@proxy:1":    none,
		"socks5://u:s3cr3t@proxy:1":   none,
		"u:s3cr3t@proxy:1":            none,
		"proxy:3128":                  none,
		"http://u:s3cr3t@:3128":       none,
		"http://u:s3cr3t@proxy:0":     none,
		"http://u:s3cr3t@proxy:70000": none,
		"http://u:s3cr3t#@proxy:1":    none,
		"http://u:s3cr3t@proxy:1/x":   "has more than a host and a port behind http://",
		"http://u:s3cr3t@proxy:1?x=1": "has more than a host and a port behind http://",
	} {
		got := lines(t, "", "ORDERBELL_NETWORK_PROXY="+bad)
		if diff := cmp.Diff([]string{"ORDERBELL_NETWORK_PROXY: the value (not shown) " + want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", bad, diff)
		}
	}
	if got := config.Proxy("").String(); got != "not set" {
		t.Errorf("got %s", got)
	}
}
